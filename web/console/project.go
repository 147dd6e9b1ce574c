package console

import (
	"html/template"
	"slices"

	"playtoken/web/timeline"
)

// projectPage is what a project's page shows.
type projectPage struct {
	Project  project
	Path     string // of the page
	Status   status
	Advice   []advised
	Changes  bool          // the person's role allows changes
	Admin    bool          // it allows every change
	Picture  template.HTML // of the lives of its keys
	Zooms    []zoomLink
	Rows     []keyRow
	Marks    []timeline.Mark
	Replaced int // deleted keys that the table leaves out
}

// keyRow is a key in the table.
type keyRow struct {
	Row  timeline.Row
	Acts []keyAct
}

// zoomLink leads to the picture in another zoom.
type zoomLink struct {
	Name, Path string
	Current    bool
}

// shownDeleted is how many deleted keys the table shows.
const shownDeleted = 10

func showProject(v *visit) (any, error) {
	shown := projectPage{Path: v.projectPage(), Changes: v.person.Changes(), Admin: v.person.Administers()}
	if err := v.get(v.project(), &shown.Project); err != nil {
		return nil, err
	}
	picture, err := v.picture(&shown.Status)
	if err != nil {
		return nil, err
	}
	shown.Advice = advise(v.person, shown.Project.ID, shown.Status.Findings)
	zoom := inZoom(&picture, v.request.URL.Query().Get("zoom"))
	for _, z := range timeline.Zooms() {
		shown.Zooms = append(shown.Zooms, zoomLink{Name: zoomWords[z.Name], Path: shown.Path + "?zoom=" + z.Name, Current: z.Name == zoom})
	}
	shown.Picture = template.HTML(picture.SVG())
	shown.Marks = picture.Marks()
	for _, row := range picture.Rows() {
		if len(shown.Rows) >= shownDeleted && row.State == "deleted" {
			shown.Replaced++
			continue
		}
		shown.Rows = append(shown.Rows, keyRow{Row: row, Acts: actsFor(row.Key)})
	}
	return shown, nil
}

// zoomWords are the zooms for people.
var zoomWords = map[string]string{
	"minute": "minute", "five-minutes": "5 minutes", "hour": "hour", "day": "day", "week": "week", "month": "month", "quarter": "quarter", "year": "year",
}

// inZoom puts a picture in a zoom, or in the one that shows what matters, and returns
// its name.
func inZoom(p *timeline.Picture, name string) string {
	if _, _, ok := timeline.Window(name, p.Now); !ok {
		name = p.Fit()
	}
	p.From, p.Until, _ = timeline.Window(name, p.Now)
	return name
}

// picture is the picture of the project that the page is about, and its status.
func (v *visit) picture(s *status) (timeline.Picture, error) {
	var keys list[timeline.Key]
	if err := v.get(v.project()+"/signing-keys", &keys); err != nil {
		return timeline.Picture{}, err
	}
	read, err := v.api().do(request{method: "GET", path: v.project() + "/rotation"})
	if err != nil {
		return timeline.Picture{}, err
	}
	var planned struct {
		Plan []timeline.Move `json:"plan"`
	}
	if err := read.into(&planned); err != nil {
		return timeline.Picture{}, err
	}
	return timeline.Picture{Keys: keys.Items, Moves: planned.Plan, Now: v.console.config.Clock()}, read.into(s)
}

// actsFor are what an operator may do with a key.
func actsFor(key timeline.Key) (fit []keyAct) {
	for _, one := range keyActTable {
		if slices.Contains(one.states, key.State) && (one.waits == key.WaitsFor || one.Name == "revoke") {
			fit = append(fit, one)
		}
	}
	return fit
}

// projectPage is the path of the page of the project that a page is about.
func (v *visit) projectPage() string { return Path + "projects/" + v.escaped("project") }

// signingKey is a signing key, as far as forms need it.
type signingKey struct {
	Generation int     `json:"generation"`
	State      string  `json:"state"`
	KeyID      *string `json:"key_id"`
	PublicKey  string  `json:"public_key"` // PEM
}

package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// examinedPart says which projects a page of doctor is about, where there are too
// many to examine all for one page.
type examinedPart struct {
	First, Last, Total int
	More               []link // to the projects before and after
}

const (
	// examinedTogether is how many projects are examined for one page. More are
	// examined part by part: an operator does not wait for a thousand platforms.
	examinedTogether = 50
	// partOf is how many projects a part has, and examinedAtOnce how many platforms
	// are asked at a time for it.
	partOf         = 20
	examinedAtOnce = 10
)

// partNames are the parameters of the list of projects, by which parts are found.
var partNames = []string{"page", "cursor"}

// examineDeployment examines the deployment and its projects, or a part of them.
func (v *visit) examineDeployment(shown *doctorPage) (examination, error) {
	total, listed, err := v.part()
	if total <= examinedTogether { // also if the store does not respond: doctor says so
		return v.examineAll(listed.Items)
	}
	if err != nil {
		return examination{}, err
	}
	number, _ := strconv.Atoi(v.request.URL.Query().Get("page"))
	first := (max(number, 1) - 1) * partOf
	shown.Part = &examinedPart{First: first + 1, Last: first + len(listed.Items), Total: total}
	for _, one := range more(listed, shown.Path) {
		label := map[string]string{"Previous page": "Projects before", "Next page": "Next projects"}[one.Label]
		shown.Part.More = append(shown.Part.More, link{one.Path, label})
	}
	var found examination
	if err := v.get("/v1/doctor?scope=deployment", &found); err != nil {
		return examination{}, err
	}
	of, err := v.examineEach(listed.Items)
	found.Findings = append(found.Findings, of...)
	return found, err
}

// part returns how many projects there are, and those of the part that is asked for.
func (v *visit) part() (total int, listed list[project], err error) {
	var there struct {
		Count int `json:"count"`
	}
	if err := v.get("/v1/projects/count", &there); err != nil {
		return 0, listed, err
	}
	query := v.asked(partNames...)
	query.Set("sort_by", "name")
	query.Set("page_size", strconv.Itoa(partOf))
	if there.Count <= examinedTogether {
		query = url.Values{"page_size": {strconv.Itoa(examinedTogether)}}
	}
	return there.Count, listed, v.get("/v1/projects?"+query.Encode(), &listed)
}

// examineAll examines everything at once.
func (v *visit) examineAll(projects []project) (found examination, err error) {
	if err := v.get("/v1/doctor", &found); err != nil {
		return examination{}, err
	}
	for i := range found.Findings {
		f := &found.Findings[i]
		of := project{ID: f.ProjectID, Name: f.ProjectID}
		if at := slices.IndexFunc(projects, func(p project) bool { return p.ID == f.ProjectID }); at >= 0 {
			of = projects[at]
		}
		f.about(of)
	}
	return found, nil
}

// examineEach examines projects by themselves. One that cannot be examined is a
// finding; one that was deleted meanwhile has none.
func (v *visit) examineEach(projects []project) ([]diagnosis, error) {
	of := make([][]diagnosis, len(projects))
	var all errgroup.Group
	all.SetLimit(examinedAtOnce)
	for i, p := range projects {
		all.Go(func() error {
			var found examination
			err := v.get("/v1/projects/"+segment(p.ID)+"/doctor", &found)
			if trouble := problemOf(err); err != nil && trouble.Status == http.StatusUnauthorized {
				return trouble
			} else if err != nil && trouble.Status != http.StatusNotFound {
				found.Findings = []diagnosis{{Code: trouble.Code, Check: "examination", Severity: "problem", Meaning: "The project could not be examined.", Detail: trouble.Detail}}
			}
			for j := range found.Findings {
				found.Findings[j].about(p)
			}
			of[i] = found.Findings
			return nil
		})
	}
	err := all.Wait()
	return slices.Concat(of...), err
}

// about says which project a finding is about.
func (d *diagnosis) about(p project) {
	if p.ID != "" {
		d.ProjectID, d.Project, d.Page = p.ID, p.Name, doctorOf(p.ID)
	}
}

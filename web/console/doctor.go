package console

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// doctorPage is what doctor found, of the deployment or of one project.
type doctorPage struct {
	Title    string
	Crumb    *link // the project's page; nil: it is about the deployment
	Path     string
	At       time.Time
	Part     *examinedPart // of the projects; nil: all were examined
	Counts   []stateCount
	Findings []diagnosis // problems first, then notes
	Fine     []diagnosis // as it should be
	More     []link
}

// diagnosis is a finding of doctor with what to do about it.
type diagnosis struct {
	ProjectID  string `json:"project_id"`
	Code       string `json:"code"`
	Check      string `json:"check"`
	Severity   string `json:"severity"` // "ok", "note" or "problem"
	Meaning    string `json:"meaning"`
	Detail     string `json:"detail"`
	Remedy     string `json:"remedy"`
	Generation *int   `json:"generation"`
	KeyID      string `json:"key_id"`

	Project string `json:"-"` // its name
	Page    string `json:"-"` // its page of doctor; "": it is about no project, or this is the page
	Act     link   `json:"-"` // the console's own remedy; zero: it has none for this person
}

// State is how serious the finding is.
func (d diagnosis) State() badge {
	switch d.Severity {
	case "problem":
		return badge{bad, "problem"}
	case "note":
		return badge{plain, "note"}
	}
	return badge{good, "as it should be"}
}

// Examined is what was examined, for what is as it should be.
func (d diagnosis) Examined() badge { return badge{good, d.Check} }

// examination is a response of the API.
type examination struct {
	At       time.Time   `json:"examined_at"`
	Findings []diagnosis `json:"findings"`
}

const findingsPerPage = 50

func showDoctor(v *visit) (any, error) {
	shown := doctorPage{Title: "Doctor", Path: Path + "doctor"}
	found, err := v.examineDeployment(&shown)
	if err != nil {
		return nil, err
	}
	shown.fill(v, found)
	return shown, nil
}

func showProjectDoctor(v *visit) (any, error) {
	var p project
	if err := v.get(v.project(), &p); err != nil {
		return nil, err
	}
	var found examination
	if err := v.get(v.project()+"/doctor", &found); err != nil {
		return nil, err
	}
	shown := doctorPage{Title: "Doctor of " + p.Name, Crumb: &link{v.projectPage(), p.Name}, Path: doctorOf(p.ID)}
	shown.fill(v, found)
	return shown, nil
}

// doctorOf is the page of what doctor finds about a project.
func doctorOf(project string) string { return Path + "projects/" + segment(project) + "/doctor" }

// fill sorts what was found: what needs attention on pages of their own, what is as
// it should be at the end of the first.
func (p *doctorPage) fill(v *visit, found examination) {
	p.At = found.At
	counts := map[badge]int{}
	for _, f := range found.Findings {
		counts[f.State()]++
		if f.Severity != "ok" {
			f.Act = v.remedy(f)
			p.Findings = append(p.Findings, f)
		} else if f.Page == "" { // that of projects is on their own pages
			p.Fine = append(p.Fine, f)
		}
	}
	p.Counts = countsOf(counts)
	slices.SortStableFunc(p.Findings, func(a, b diagnosis) int { return cmp.Compare(urgency[a.State().Tone], urgency[b.State().Tone]) })
	number, _ := strconv.Atoi(v.request.URL.Query().Get("found"))
	pages := max(1, (len(p.Findings)+findingsPerPage-1)/findingsPerPage)
	number = min(max(number, 1), pages)
	if number > 1 {
		p.Fine = nil
		p.More = append(p.More, p.at(v, number-1, "Previous findings"))
	}
	if number < pages {
		p.More = append(p.More, p.at(v, number+1, "Next findings"))
	}
	first := (number - 1) * findingsPerPage
	p.Findings = p.Findings[first:min(first+findingsPerPage, len(p.Findings))]
}

// at is another page of the same findings.
func (p *doctorPage) at(v *visit, page int, label string) link {
	query := v.asked(partNames...)
	query.Set("found", strconv.Itoa(page))
	return link{p.Path + "?" + query.Encode(), label}
}

// remedy is the console's own remedy of a finding for the person; zero if there is
// none.
func (v *visit) remedy(f diagnosis) link {
	b, ok := buttonFor(v.person, f.Code, f.Generation != nil)
	if !ok || f.ProjectID == "" || b.edits && f.ProjectID == environmentProject {
		return link{}
	}
	return link{b.at(f.ProjectID, f.Generation), b.label}
}

// environmentProject is the project that the environment describes, which no page
// changes.
const environmentProject = "default"

// button is an act or a page of the console that mends a finding, or shows more.
type button struct {
	label string
	path  string // below that of the project
	edits bool   // it changes the project itself, which only an admin may
	shows bool   // it changes nothing
	keyed bool   // it is about one key
}

// at is where the button leads.
func (b button) at(project string, generation *int) string {
	path := b.path
	if b.keyed {
		path = fmt.Sprintf(path, *generation)
	}
	return Path + "projects/" + segment(project) + path
}

// buttonFor returns the button for a finding with a code, if the person may use it.
// Keyed says whether the finding is about one key.
func buttonFor(person Person, code string, keyed bool) (button, bool) {
	for _, b := range buttons[code] {
		if b.keyed && !keyed {
			continue
		}
		return b, b.shows || person.Changes() && (!b.edits || person.Administers())
	}
	return button{}, false
}

var (
	rotatesDue   = button{label: "Rotate what is due…", path: "/rotate?mode=due"}
	looksAgain   = button{label: "Look again…", path: "/rotate?mode=due"}
	replacesLost = button{label: "Replace the lost keys…", path: "/rotate?mode=replace_lost"}
	revokesGone  = button{label: "Revoke the key that is gone…", path: "/keys/%d/revoke", keyed: true}
	confirms     = button{label: "Confirm the key…", path: "/keys/%d/confirm", keyed: true}
	carries      = button{label: "I carried the key…", path: "/keys/%d/carried", keyed: true}
	takesOut     = button{label: "I took the key out…", path: "/keys/%d/removed", keyed: true}
	compares     = button{label: "Compare ring, store and platform", path: "/drift", shows: true}
	seesKeys     = button{label: "See the keys", path: "", shows: true}
	edits        = button{label: "Change the project…", path: "/edit", edits: true}
)

// buttons are those of findings, by code: the first that fits is shown. Each leads to
// a page that shows first what will happen.
var buttons = map[string][]button{
	"all_keys_missing":                 {replacesLost},
	"account_without_our_keys":         {edits},
	"restored_active_key_present":      {seesKeys},
	"restored_active_key_gone":         {{label: "Rotate now…", path: "/rotate?mode=now"}},
	"restored_active_and_standby_gone": {seesKeys},
	"restored_all_keys_gone":           {seesKeys},
	"restored_only_key_gone":           {revokesGone, seesKeys},
	"restored_keys_revoked":            {rotatesDue},
	"active_key_missing":               {rotatesDue},
	"key_missing":                      {revokesGone},
	"key_mismatched":                   {{label: "Revoke the key…", path: "/keys/%d/revoke", keyed: true}},
	"key_unconfirmed":                  {confirms},
	"key_to_carry_due":                 {carries},
	"key_to_carry":                     {carries},
	"revoked_key_to_remove":            {takesOut},
	"key_to_remove":                    {takesOut},
	"lifetime_over_record":             {rotatesDue},
	"rotation_overdue":                 {rotatesDue},
	"rotation_unattended":              {rotatesDue},
	"last_run_failed":                  {{label: "Try again…", path: "/rotate?mode=due"}},
	"platform_unreachable":             {looksAgain},
	"platform_throttles":               {looksAgain},
	"platform_refuses_credential":      {edits},
	"credential_expires":               {edits},
	"project_unopenable":               {edits},
	"key_budget_too_small":             {edits},
	"move_blocked":                     {seesKeys},
	"move_blocked_by_budget":           {edits},
	"policy_contradictory":             {edits},
	"keys_ended":                       {{label: "Delete the project…", path: "/delete", edits: true}},
	"registering_stopped":              {compares},
	"key_orphaned":                     {compares},
	"key_unmanaged":                    {compares},
	"key_unrecognised":                 {compares},
	"key_forgotten":                    {compares},
	"key_of_other_project":             {compares},
	"key_owner_unknown":                {compares},
}

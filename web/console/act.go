package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// act is a change that a person makes with a form: first a page that shows what
// will happen, then one request to the API.
type act struct {
	path string // below /console, as a page's
	// form says what will happen, and which fields there are. It is called again
	// if the request was refused. The error is a *Problem if the API refused to say.
	form func(*visit) (form, error)
	// request is what is sent, of the fields of v.request.PostForm. The error is a
	// *Problem about what was typed in.
	request func(v *visit) (request, error)
	// tell says what has happened. It is not called for a change that waits for a
	// second operator.
	tell func(*visit, answer) (result, error)
}

// form is what a person sees before a change.
type form struct {
	Title   string
	Effects []string // what will happen, each a sentence
	Loses   string   // what is lost by it; "": nothing
	Text    string   // to be copied; "": none
	Confirm string   // the words of the button
	Danger  bool     // it cannot be taken back
	Blocked string   // why it cannot be done now, which takes the button away; "": it can
	Fields  []field  // without the reason, which every form asks for
	Back    string   // the page that the person came from
	Problem *Problem
}

// field is one field of a form. Its name is that of the member of the request, so
// that what the API says about the member is shown beside it.
type field struct {
	Name, Label string
	Kind        string   // "text", "password", "number", "checkbox", "checks", "select", "textarea" or "hidden"
	Value       string   // of a checkbox: "on" or ""
	Values      []string // of checks: those that are ticked
	Options     []option
	Help        string
	Required    bool
	Problem     string
}

// option is one of a select, or of checks.
type option struct{ Value, Label string }

// Ticked reports whether an option of checks is.
func (f field) Ticked(value string) bool { return slices.Contains(f.Values, value) }

// result is what a person sees after a change.
type result struct {
	Title  string
	Lines  []string // each a sentence
	Secret string   // shown this once; "": nothing
	What   string   // what the secret is
	Back   string
	Waits  *waits
}

// waits is a change that waits for a second operator.
type waits struct {
	ID      string    `json:"approval_id"`
	Expires time.Time `json:"expires_at"`
}

// ask shows what will happen.
func (c *Console) ask(v *visit, a act) {
	f, err := a.form(v)
	if err != nil {
		c.showProblem(v, err)
		return
	}
	f.Fields = append(f.Fields, reasonField())
	c.show(v, http.StatusOK, c.parsed["form.html"], f.Title, f)
}

// carryOut makes the request, with its reason, and shows what has happened.
func (c *Console) carryOut(v *visit, a act) {
	if err := v.request.ParseForm(); err != nil {
		c.showProblem(v, &Problem{Status: http.StatusBadRequest, Title: "Not read", Detail: "The form could not be read: it has at most 64 KiB."})
		return
	}
	done, err := v.send(a)
	if err != nil {
		c.askAgain(v, a, err)
		return
	}
	c.known.refresh(v, changedProject(v, done))
	told, err := c.told(v, a, done)
	if err != nil {
		c.showProblem(v, err)
		return
	}
	c.show(v, http.StatusOK, c.parsed["result.html"], told.Title, told)
}

// changedProject is the project that a change was about, or made; "": none.
func changedProject(v *visit, done answer) string {
	var made project
	if len(done.body) > 0 && done.into(&made) != nil {
		made.ID = ""
	}
	return cmp.Or(v.request.PathValue("project"), made.ID)
}

// send makes the request of a change. Every change says why, also where the API
// would do without.
func (v *visit) send(a act) (answer, error) {
	if v.typed("reason") == "" {
		return answer{}, typedWrong("reason", "is required: say why, for the audit record")
	}
	q, err := a.request(v)
	if err != nil {
		return answer{}, err
	}
	if q.body == nil {
		q.body = map[string]any{}
	}
	q.body["reason"] = v.typed("reason")
	return v.api().do(q)
}

func (c *Console) told(v *visit, a act, done answer) (result, error) {
	if done.status != http.StatusAccepted {
		return a.tell(v, done)
	}
	var w waits
	if err := done.into(&w); err != nil {
		return result{}, err
	}
	return result{Title: "This waits for a second operator", Waits: &w, Back: Path}, nil
}

// askAgain shows the form with what was typed in and why it was refused.
func (c *Console) askAgain(v *visit, a act, refusal error) {
	p := problemOf(refusal)
	f, err := a.form(v)
	if err != nil || p.Status == http.StatusUnauthorized || p.Status == http.StatusInternalServerError {
		c.showProblem(v, refusal)
		return
	}
	if p = p.without(f.fill(v, p)); p != nil {
		f.Problem = p
	}
	c.show(v, problemOf(refusal).Status, c.parsed["form.html"], f.Title, f)
}

// fill puts what was typed in into the fields, and what is wrong with it beside
// them. Credentials are typed in again. It returns the names of the fields.
func (f *form) fill(v *visit, p *Problem) (names []string) {
	f.Fields = append(f.Fields, reasonField())
	for i := range f.Fields {
		one := &f.Fields[i]
		names = append(names, one.Name)
		if one.Kind != "password" {
			one.Value, one.Values = v.request.PostFormValue(one.Name), v.request.PostForm[one.Name]
		}
		for _, fault := range p.Fields {
			if fault.Field == one.Name {
				one.Problem = fault.Detail
			}
		}
	}
	return names
}

func reasonField() field {
	return field{Name: "reason", Label: "Reason", Kind: "text", Required: true, Help: "It stands in the audit record, with your name."}
}

// without is the problem without the faults that are shown beside their fields; nil
// if there were no others.
func (p *Problem) without(names []string) *Problem {
	left := *p
	left.Fields = slices.DeleteFunc(slices.Clone(p.Fields), func(fault fieldFault) bool { return slices.Contains(names, fault.Field) })
	if len(p.Fields) > 0 && len(left.Fields) == 0 {
		return nil
	}
	return &left
}

// typed is what was typed into a field, without blanks around it.
func (v *visit) typed(name string) string { return strings.TrimSpace(v.request.PostFormValue(name)) }

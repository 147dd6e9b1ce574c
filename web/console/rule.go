package console

import (
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
)

// rulePage is the editor of a project's rule.
type rulePage struct {
	Project project
	Back    string
	Assets  string
	Rule    string
	Facts   string // JSON
	Saves   bool   // the person's role allows it
	Reason  field
	Verdict *badge // nil: nothing was checked yet
}

// sampleFacts are what the editor begins with.
const sampleFacts = `{
  "viewer": {"id": "ann", "claims": {"plan": "gold"}},
  "video_id": "film",
  "request": {"caller": "viewer", "expires_in": 600}
}`

// addRule adds the editor, whose form has two buttons.
func (c *Console) addRule(mux *http.ServeMux) error {
	shown, err := c.parse("rule.html")
	if err != nil {
		return err
	}
	answer := func(change func(*visit, *rulePage) error) http.HandlerFunc {
		return c.signedIn(func(v *visit) {
			page, err := v.rulePage()
			if err == nil {
				err = change(v, &page)
			}
			if err != nil {
				c.showProblem(v, err)
				return
			}
			c.show(v, http.StatusOK, shown, "Rule", page)
		})
	}
	const path = "/console/projects/{project}/rule"
	mux.HandleFunc("GET "+path, answer(func(*visit, *rulePage) error { return nil }))
	mux.HandleFunc("POST "+path, answer(postRule))
	return nil
}

func (v *visit) rulePage() (rulePage, error) {
	var p account
	err := v.get(v.project(), &p)
	return rulePage{
		Project: p.project, Back: v.projectPage(), Assets: v.console.assets(), Rule: p.Viewers.Rule, Facts: sampleFacts, Saves: v.person.Administers(), Reason: reasonField(),
	}, err
}

// postRule checks what was typed in, or saves it.
func postRule(v *visit, page *rulePage) error {
	page.Rule, page.Facts, page.Reason.Value = v.request.PostFormValue("rule"), v.request.PostFormValue("facts"), v.request.PostFormValue("reason")
	if v.typed("do") == "save" {
		_, err := v.send(act{request: func(*visit) (request, error) {
			return request{method: http.MethodPatch, path: v.project(), body: map[string]any{"viewer_policy": map[string]any{"rule": page.Rule}}}, nil
		}})
		page.Verdict = refusedOr(err, badge{good, "Saved: every mint of the project is checked with it."})
		return unlessShown(err)
	}
	body := map[string]any{"rule": page.Rule}
	if page.Facts != "" {
		var facts map[string]any
		if err := json.Unmarshal([]byte(page.Facts), &facts); err != nil {
			page.Verdict = &badge{bad, "The facts are not a JSON object: " + err.Error()}
			return nil
		}
		body["facts"] = facts
	}
	var checked ruleCheck
	done, err := v.api().do(request{method: http.MethodPost, path: v.project() + "/viewer-policy/check", body: body})
	if err == nil {
		err = done.into(&checked)
	}
	page.Verdict = refusedOr(err, checked.verdict())
	return unlessShown(err)
}

// refusedOr is a refusal in words, or else what was done.
func refusedOr(err error, done badge) *badge {
	if err == nil {
		return &done
	}
	p := problemOf(err)
	said := p.Detail
	for _, fault := range p.Fields {
		said += " " + fault.Field + ": " + fault.Detail
	}
	return &badge{bad, said}
}

// unlessShown keeps the errors that end the page: the others stand on it.
func unlessShown(err error) error {
	if err != nil && problemOf(err).Status != http.StatusBadRequest {
		return err
	}
	return nil
}

// ruleCheck is what the API says about a rule.
type ruleCheck struct {
	OK    bool `json:"ok"`
	Error *struct {
		Message string `json:"message"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
	} `json:"error"`
	Result *struct {
		Entitled bool    `json:"entitled"`
		Reason   *string `json:"reason"`
	} `json:"result"`
}

func (r ruleCheck) verdict() badge {
	switch {
	case r.Error != nil && r.Error.Line > 0:
		return badge{bad, fmt.Sprintf("Line %d, column %d: %s", r.Error.Line, r.Error.Column, r.Error.Message)}
	case r.Error != nil:
		return badge{bad, "The rule " + r.Error.Message}
	case r.Result == nil:
		return badge{good, "The rule can be saved."}
	case r.Result.Entitled:
		return badge{good, "The rule can be saved. It lets this viewer watch."}
	case r.Result.Reason != nil:
		return badge{warn, "The rule can be saved. It denies this viewer, because " + *r.Result.Reason + "."}
	}
	return badge{warn, "The rule can be saved. It denies this viewer."}
}

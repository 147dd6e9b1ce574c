package console

import (
	"net/http"
	"strconv"
)

// typedWrong is what is wrong with a field, found before the API is asked.
func typedWrong(name, detail string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Title: "Not sent", Detail: "The form has a mistake.", Fields: []fieldFault{{Field: name, Detail: detail}}}
}

// sessionActs ends what viewers have opened.
func sessionActs() []act {
	return []act{{path: "/projects/{project}/sessions/end", form: endSessionsForm, request: endSessions, tell: tellEnded}}
}

func endSessionsForm(v *visit) (form, error) {
	var p struct {
		Name string `json:"name"`
		Can  struct {
			EndsSessions bool `json:"ends_sessions"`
		} `json:"capabilities"`
	}
	if err := v.get(v.project(), &p); err != nil {
		return form{}, err
	}
	f := form{
		Title: "End sessions of " + p.Name, Confirm: "End them", Danger: true, Back: v.projectPage(),
		Effects: []string{"The viewers of these sessions stop watching. A viewer whose token is still alive can open the video again."},
		Fields: []field{
			{Name: "by", Label: "Which", Kind: "select", Value: v.request.FormValue("by"), Options: []option{{"viewer", "Those of one viewer"}, {"video_id", "Those of one video"}, {"generation", "Those of one signing key"}, {"all", "All"}}},
			{Name: "which", Label: "Viewer, video or generation", Kind: "text", Value: v.request.FormValue("which"), Help: "Not needed for all."},
		},
	}
	if !p.Can.EndsSessions {
		f.Blocked = "The project's platform cannot end sessions."
	}
	return f, nil
}

func endSessions(v *visit) (request, error) {
	body := map[string]any{}
	switch by, which := v.typed("by"), v.typed("which"); by {
	case "all":
		body["all"] = true
	case "generation":
		n, err := strconv.Atoi(which)
		if err != nil {
			return request{}, typedWrong("which", "is not the number of a signing key")
		}
		body["generation"] = n
	case "viewer", "video_id":
		if which == "" {
			return request{}, typedWrong("which", "is empty: say which, or end all")
		}
		body[by] = which
	}
	return request{method: http.MethodPost, path: v.project() + "/sessions/end", body: body}, nil
}

func tellEnded(v *visit, done answer) (result, error) {
	var ended struct {
		Pending *string `json:"pending"`
	}
	err := done.into(&ended)
	r := result{Title: "The sessions end", Back: v.projectPage()}
	if ended.Pending != nil {
		r.Lines = []string{"Not finished yet: " + *ended.Pending + "."}
	}
	return r, err
}

package console

import (
	"cmp"
	"maps"
	"net/http"
)

const projectsPage = Path + "projects"

func showProjects(v *visit) (any, error) {
	var found list[project]
	if err := v.get(withQuery("/v1/projects", v.asked(pageNames...)), &found); err != nil {
		return nil, err
	}
	shown := listPage{
		Title: "Projects", Columns: []string{"Name", "Id", "Platform", ""}, Empty: "There is no such project.",
		Filters: []field{v.filter("name", "Name", "Or a part of it.")}, More: more(found, projectsPage),
	}
	if v.person.Administers() {
		kinds, err := v.platforms()
		if err != nil {
			return nil, err
		}
		for _, kind := range kinds {
			shown.Acts = append(shown.Acts, link{Path + "new-project/" + segment(kind.Name), "New project on " + kind.Name + "…"})
		}
	}
	for _, p := range found.Items {
		at := projectsPage + "/" + segment(p.ID)
		row := listRow{Cells: []cell{{Text: p.Name, Path: at}, code(p.ID), text(p.Platform)}, Acts: []link{{at + "/api-keys", "API keys"}}}
		if v.person.Changes() {
			row.Acts = append(row.Acts, link{at + "/sessions/end", "End sessions…"}, link{at + "/rule", "Rule…"})
		}
		if v.person.Administers() {
			row.Acts = append(row.Acts, link{at + "/settings", "Settings"}, link{at + "/delete", "Delete…"})
		}
		shown.Rows = append(shown.Rows, row)
	}
	return shown, nil
}

// platformKind is a platform, and what a project on it says about its account.
type platformKind struct {
	Name    string           `json:"name"`
	Members []platformMember `json:"members"`
	// Succeeds are the platforms whose projects may move to this one.
	Succeeds []string `json:"succeeds"`
}

type platformMember struct {
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Secret   bool   `json:"secret"`
	Meaning  string `json:"meaning"`
}

func (v *visit) platforms() ([]platformKind, error) {
	var found list[platformKind]
	err := v.get("/v1/platforms", &found)
	return found.Items, err
}

// platform is one by its name.
func (v *visit) platform(name string) (platformKind, error) {
	kinds, err := v.platforms()
	for _, kind := range kinds {
		if kind.Name == name {
			return kind, nil
		}
	}
	return platformKind{}, cmp.Or(err, error(&Problem{Status: http.StatusNotFound, Title: "Not found", Detail: "There is no such platform."}))
}

// Members of the request that the fields are named after, so that what the API says
// about a member stands beside its field.
const (
	settingsMember   = "platform_settings."
	credentialMember = "platform_credential."
)

// fields are the fields of an account; held has the settings that there are. A
// credential that there is need not be typed in again.
func (k platformKind) fields(held map[string]string, made bool) (fields []field) {
	for _, m := range k.Members {
		f := field{Name: settingsMember + m.Name, Label: m.Name, Kind: "text", Value: held[m.Name], Help: m.Meaning, Required: m.Required}
		if m.Secret {
			f.Name, f.Kind, f.Required = credentialMember+m.Name, "password", m.Required && !made
		}
		fields = append(fields, f)
	}
	return fields
}

// typed are the settings and the credential that were typed in. A setting that was
// emptied is null where there was one.
func (k platformKind) typed(v *visit, held map[string]string) (settings, credential map[string]any) {
	settings, credential = map[string]any{}, map[string]any{}
	for _, m := range k.Members {
		if m.Secret {
			if value := v.request.PostFormValue(credentialMember + m.Name); value != "" {
				credential[m.Name] = value
			}
			continue
		}
		if value := v.typed(settingsMember + m.Name); value != "" {
			settings[m.Name] = value
		} else if held[m.Name] != "" {
			settings[m.Name] = nil
		}
	}
	return settings, credential
}

// account is a project as far as its forms need it.
type account struct {
	project
	Settings map[string]string `json:"platform_settings"`
	Viewers  struct {
		Rule string `json:"rule"`
	} `json:"viewer_policy"`
}

func (v *visit) account() (p account, kind platformKind, err error) {
	if err = v.get(v.project(), &p); err == nil {
		kind, err = v.platform(p.Platform)
	}
	return p, kind, err
}

// projectActs are the changes of projects.
func projectActs() []act {
	return []act{
		{path: "/new-project/{platform}", form: newProjectForm, request: newProject, tell: tellProject},
		{path: "/projects/{project}/edit", form: editForm, request: editProject, tell: tellProject},
		{path: "/projects/{project}/platform", form: moveForm, request: moveProject, tell: tellProject},
		{path: "/projects/{project}/delete", form: deleteForm, request: func(v *visit) (request, error) {
			return request{method: http.MethodDelete, path: v.project(), body: map[string]any{
				"revoke": v.typed("revoke") != "",
			}}, nil
		}, tell: func(*visit, answer) (result, error) {
			return result{Title: "The project is deleted", Back: projectsPage}, nil
		}},
	}
}

func newProjectForm(v *visit) (form, error) {
	kind, err := v.platform(v.request.PathValue("platform"))
	return form{
		Title: "New project on " + kind.Name, Confirm: "Create", Back: projectsPage,
		Effects: []string{"The platform is asked about the account first, and nothing is saved if it is wrong."},
		Fields:  v.withUnchecked(append([]field{{Name: "name", Label: "Name", Kind: "text", Required: true}}, kind.fields(nil, false)...)),
	}, err
}

func newProject(v *visit) (request, error) {
	kind, err := v.platform(v.request.PathValue("platform"))
	if err != nil {
		return request{}, err
	}
	settings, credential := kind.typed(v, nil)
	body := map[string]any{"platform": kind.Name, "platform_settings": settings, "platform_credential": credential}
	if err := v.checkAccount("/v1/projects/check", maps.Clone(body)); err != nil {
		return request{}, err
	}
	body["name"] = v.typed("name")
	return request{method: http.MethodPost, path: "/v1/projects", body: body}, nil
}

func editForm(v *visit) (form, error) {
	p, kind, err := v.account()
	return form{
		Title: "Account of " + p.Name, Confirm: "Save", Back: v.settingsPage(),
		Effects: []string{"The platform is asked whether it accepts a new credential, and whether it shows the active key under new settings, before they are saved.", "A credential that is left empty stays as it is."},
		Fields:  v.withUnchecked(append([]field{{Name: "name", Label: "Name", Kind: "text", Value: p.Name, Required: true}}, kind.fields(p.Settings, true)...)),
	}, err
}

func editProject(v *visit) (request, error) {
	p, kind, err := v.account()
	if err != nil {
		return request{}, err
	}
	settings, credential := kind.typed(v, p.Settings)
	body := map[string]any{}
	if changed := changedSettings(settings, p.Settings); len(changed) > 0 {
		body["platform_settings"] = changed
	}
	if len(credential) > 0 {
		body["platform_credential"] = credential
	}
	if len(body) > 0 {
		if err := v.checkAccount(v.project()+"/check", maps.Clone(body)); err != nil {
			return request{}, err
		}
		body["unchecked"] = v.typed(uncheckedField) != ""
	}
	body["name"] = v.typed("name")
	return request{method: http.MethodPatch, path: v.project(), body: body}, nil
}

// changedSettings are the settings that are not as they are held.
func changedSettings(typed map[string]any, held map[string]string) map[string]any {
	changed := map[string]any{}
	for name, value := range typed {
		if value != held[name] {
			changed[name] = value
		}
	}
	return changed
}

func tellProject(v *visit, done answer) (result, error) {
	var p project
	err := done.into(&p)
	r := result{Title: p.Name + " is saved", Back: projectsPage + "/" + segment(p.ID)}
	if v.told != "" {
		r.Lines = []string{v.told}
	}
	return r, err
}

func deleteForm(v *visit) (form, error) {
	var p project
	if err := v.get(v.project(), &p); err != nil {
		return form{}, err
	}
	return form{
		Title: "Delete " + p.Name, Confirm: "Delete", Danger: true, Back: v.projectPage(),
		Effects: []string{"The project, its API keys and their tokens are deleted.", "While it has signing keys, that is refused unless you revoke them here."},
		Loses:   "With its signing keys go all tokens that they signed: viewers are refused at once. This cannot be undone.",
		Fields:  []field{{Name: "revoke", Label: "Revoke its signing keys, and lose their tokens", Kind: "checkbox"}},
	}, nil
}

package console

import "net/http"

// settingsPage shows what a project is set to, each part with its form.
type settingsPage struct {
	Project  project
	Back     string
	Path     string
	Edits    bool   // the person's role allows changes
	Verdict  *badge // what the platform says about the account; nil: it was not asked
	Sections []shownSection
	Links    []link
}

// shownSection is a part of the page.
type shownSection struct {
	Title, Edit string // Edit: the address of its form
	Rows        []shownSetting
}

// shownSetting is a setting with its value in words.
type shownSetting struct{ Label, Value string }

func (v *visit) settingsPage() string { return v.projectPage() + "/settings" }

func showSettings(v *visit) (any, error) {
	document, err := v.document()
	if err != nil {
		return nil, err
	}
	p, kind, err := v.account()
	if err != nil {
		return nil, err
	}
	shown := settingsPage{
		Project: p.project, Back: v.projectPage(), Path: v.settingsPage(), Edits: v.person.Administers(),
		Sections: []shownSection{kind.shown(p.Settings, v.projectPage()+"/edit")},
		Links:    []link{{v.apiKeysPage(), "API keys"}, {v.projectPage() + "/rule", "Rule…"}, {v.projectPage() + "/delete", "Delete…"}},
	}
	if next, possible, err := v.successor(p.Platform); err == nil && possible {
		shown.Links = append(shown.Links, link{v.projectPage() + "/platform", "Move to the platform " + next.Name + "…"})
	}
	for _, s := range sections {
		one := shownSection{Title: s.title, Edit: shown.Path + "/" + s.name}
		for _, setting := range s.fields {
			if setting.as != asSecret {
				one.Rows = append(one.Rows, shownSetting{setting.label, setting.words(lookUp(document, setting.member))})
			}
		}
		shown.Sections = append(shown.Sections, one)
	}
	return shown, nil
}

// shown is an account without what is secret.
func (k platformKind) shown(held map[string]string, edit string) shownSection {
	s := shownSection{Title: "Account at " + k.Name, Edit: edit}
	for _, m := range k.Members {
		value := held[m.Name]
		if m.Secret {
			value = "never shown"
		}
		s.Rows = append(s.Rows, shownSetting{m.Name, value})
	}
	return s
}

// words are a setting's value for a person.
func (s setting) words(value any) string {
	if s.as == asYes {
		return map[bool]string{true: "yes", false: "no"}[value == true]
	}
	if kind, _ := value.(string); s.as == asKind && kind != "" {
		return kindOfKey(kind)
	}
	return s.spell(value)
}

// addSettings adds the page's button, which asks the platform about the account.
func (c *Console) addSettings(mux *http.ServeMux) error {
	shown, err := c.parse("settings.html")
	if err != nil {
		return err
	}
	mux.HandleFunc("POST /console/projects/{project}/settings", c.signedIn(func(v *visit) {
		said, err := v.askPlatform(v.project()+"/check", map[string]any{})
		var content any
		if err == nil {
			content, err = showSettings(v)
		}
		if err != nil {
			c.showProblem(v, err)
			return
		}
		page, verdict := content.(settingsPage), said.badge()
		page.Verdict = &verdict
		c.show(v, http.StatusOK, shown, "Settings", page)
	}))
	return nil
}

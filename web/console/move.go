package console

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// successor is the platform that a project on another may move to, with its keys;
// false: it stays where it is.
func (v *visit) successor(of string) (platformKind, bool, error) {
	kinds, err := v.platforms()
	for _, kind := range kinds {
		if slices.Contains(kind.Succeeds, of) {
			return kind, true, nil
		}
	}
	return platformKind{}, false, err
}

// moved is the account of the project that the page is about, and the platform that
// it can move to.
func (v *visit) moved() (p account, to platformKind, err error) {
	if p, _, err = v.account(); err != nil {
		return p, to, err
	}
	to, possible, err := v.successor(p.Platform)
	if err == nil && !possible {
		err = &Problem{Status: http.StatusConflict, Title: "Not possible", Detail: "A project on " + p.Platform + " stays there; for another platform, make another project."}
	}
	return p, to, err
}

// moveForm shows the settings of the old platform where the new one has them, too: a
// gate that was connected as another platform has its key API below the address of the gate.
func moveForm(v *visit) (form, error) {
	p, to, err := v.moved()
	held := maps.Clone(p.Settings)
	if held["url"] != "" {
		held["url"] = strings.TrimSuffix(strings.TrimSuffix(held["url"], "/"), "/v2")
	}
	return form{
		Title: "Move " + p.Name + " to the platform " + to.Name, Confirm: "Move", Back: v.settingsPage(),
		Effects: []string{
			"The keys and their ids stay, and so do the tokens that they signed.",
			"It is moved only if the new platform shows the project's active key.",
			"It cannot be moved back.",
		},
		Fields: v.withUnchecked(to.fields(held, false)),
	}, err
}

func moveProject(v *visit) (request, error) {
	p, to, err := v.moved()
	if err != nil {
		return request{}, err
	}
	settings, credential := to.typed(v, p.Settings)
	body := map[string]any{"platform": to.Name, "platform_settings": settings, "platform_credential": credential}
	if err := v.checkAccount(v.project()+"/check", maps.Clone(body)); err != nil {
		return request{}, err
	}
	body["unchecked"] = v.typed(uncheckedField) != ""
	return request{method: http.MethodPatch, path: v.project(), body: body}, nil
}

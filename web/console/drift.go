package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// driftPage is ring, store and platform of a project side by side.
type driftPage struct {
	Project project
	Path    string // of the project's page
	Changes bool
	Rows    []driftRow
	Agree   bool // there is no difference
}

// driftRow is a key as the three know it.
type driftRow struct {
	Ring, Store, Platform badge
	KeyID, Name           string
	Meaning               string
	Remedy                string
	Remove                string // the address of the form that removes it; "": it must not be
}

// knownKey is which of ring, store and platform know a key.
type knownKey struct {
	Generation *int    `json:"generation"`
	State      *string `json:"state"`
	KeyID      *string `json:"key_id"`
	Name       string  `json:"name"`
	Store      *string `json:"store"`
	Platform   string  `json:"platform"`
}

// difference is one between ring, store and platform.
type difference struct {
	KeyID      *string `json:"key_id"`
	Generation *int    `json:"generation"`
	Meaning    string  `json:"meaning"`
	Remedy     string  `json:"remedy"`
}

// compared is a response of the API.
type compared struct {
	Orphans    []difference `json:"orphans"`
	Missing    []difference `json:"missing"`
	Unmanaged  []difference `json:"unmanaged"`
	Mismatched []difference `json:"mismatched"`
	Keys       []knownKey   `json:"keys"`
}

func showDrift(v *visit) (any, error) {
	shown := driftPage{Path: v.projectPage(), Changes: v.person.Changes()}
	if err := v.get(v.project(), &shown.Project); err != nil {
		return nil, err
	}
	var found compared
	if err := v.get(v.project()+"/drift", &found); err != nil {
		return nil, err
	}
	for _, k := range found.Keys {
		shown.Rows = append(shown.Rows, found.row(k, shown.Path))
	}
	shown.Agree = len(found.Missing)+len(found.Mismatched)+len(found.Orphans)+len(found.Unmanaged) == 0
	return shown, nil
}

// row is the row of a key, with what is said about it.
func (c compared) row(k knownKey, page string) driftRow {
	row := driftRow{Ring: badge{plain, "does not know it"}, Store: badge{plain, "not asked"}, Name: k.Name}
	if k.KeyID != nil {
		row.KeyID = *k.KeyID
	}
	said, differs := c.about(k)
	row.Meaning, row.Remedy = said.Meaning, said.Remedy
	if k.Generation == nil || k.State == nil {
		row.Platform = badge{warn, "only there"}
		if row.KeyID != "" && slices.ContainsFunc(c.Unmanaged, k.is) {
			row.Remove = page + "/remove?" + url.Values{"key_id": {row.KeyID}}.Encode()
		}
		return row
	}
	row.Ring = badge{stateOfKey(*k.State).Tone, fmt.Sprintf("generation %d, %s", *k.Generation, *k.State)}
	row.Platform = presence(k.Platform, differs)
	if k.Store != nil {
		row.Store = presence(*k.Store, differs)
	}
	return row
}

// about is what was found about a key, if anything.
func (c compared) about(k knownKey) (said difference, differs bool) {
	for _, d := range slices.Concat(c.Missing, c.Mismatched, c.Orphans, c.Unmanaged) {
		if k.is(d) {
			return d, true
		}
	}
	return difference{}, false
}

// is reports whether a difference is about the key. Keys that only the platform has
// are told apart by their ids there.
func (k knownKey) is(d difference) bool {
	if k.Generation == nil {
		return k.KeyID != nil && d.KeyID != nil && *d.KeyID == *k.KeyID
	}
	return d.Generation != nil && *d.Generation == *k.Generation && (d.KeyID == nil || k.KeyID == nil || *d.KeyID == *k.KeyID)
}

// presence is whether store or platform have a key, in words. That a key is not
// there is wrong only where it should be.
func presence(word string, differs bool) badge {
	switch word {
	case "has":
		return badge{good, "has it"}
	case "differs":
		return badge{bad, "has another key"}
	case "unclear":
		return badge{warn, "has one that cannot be read"}
	}
	if differs {
		return badge{bad, "does not have it"}
	}
	return badge{plain, "does not have it"}
}

// removeAct removes a key at the platform that is not ours.
func removeAct() act {
	return act{path: "/projects/{project}/remove", form: removeForm, request: removeRequest, tell: func(v *visit, _ answer) (result, error) {
		return result{Title: "The platform's key is removed", Back: v.projectPage() + "/drift"}, nil
	}}
}

func removeForm(v *visit) (form, error) {
	id := v.request.FormValue("key_id")
	var p project
	if err := v.get(v.project(), &p); err != nil {
		return form{}, err
	}
	return form{
		Title: "Remove a key at the platform", Confirm: "Remove", Danger: true, Back: v.projectPage() + "/drift",
		Effects: []string{fmt.Sprintf("The platform of %s is told to delete the key %s, which is not one of ours.", p.Name, id)},
		Loses:   "Tokens that another signer made with it are refused from then on.",
		Fields:  []field{{Name: "key_id", Kind: "hidden", Value: id}},
	}, nil
}

func removeRequest(v *visit) (request, error) {
	return request{
		method: http.MethodDelete, path: v.project() + "/platform-keys/" + url.PathEscape(v.typed("key_id")),
		body: map[string]any{"reason": v.typed("reason")},
	}, nil
}

// Fine and Differ are for the template.
func (driftPage) Fine() badge   { return badge{good, "the three agree"} }
func (driftPage) Differ() badge { return badge{warn, "they differ"} }

package console

import (
	"net/http"
	"strings"
	"time"
)

// apiKey is an API key as the API shows it.
type apiKey struct {
	ID          string     `json:"api_key_id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Scopes      []string   `json:"scopes"`
	ExpiresAt   *time.Time `json:"expires_at"`
	Videos      []string   `json:"videos"`
	Networks    []string   `json:"networks"`
	LastUsedAt  *time.Time `json:"last_used_at"`
}

func (v *visit) apiKeysPage() string { return v.projectPage() + "/api-keys" }

func showAPIKeys(v *visit) (any, error) {
	var keys list[apiKey]
	if err := v.get(withQuery(v.project()+"/api-keys", v.asked(pageNames...)), &keys); err != nil {
		return nil, err
	}
	shown := listPage{
		Title: "API keys", Crumb: &link{v.projectPage(), "Project"}, Empty: "There is no such API key.",
		Columns: []string{"Name", "Id", "Scopes", "Bounds", "Last used", ""}, More: more(keys, v.apiKeysPage()),
		Filters: []field{v.filter("name", "Name", "Or a part of it.")},
	}
	if v.person.Administers() {
		shown.Acts = []link{{v.apiKeysPage() + "/new", "New API key…"}}
	}
	for _, key := range keys.Items {
		row := listRow{Cells: []cell{text(key.named()), code(key.ID), text(strings.Join(key.Scopes, ", ")), text(key.bounds()), moment(key.LastUsedAt)}}
		if at := v.apiKeysPage() + "/" + segment(key.ID); v.person.Administers() {
			row.Acts = []link{{at + "/edit", "Change…"}, {at + "/end-tokens", "End tokens…"}, {at + "/delete", "Delete…"}}
		}
		shown.Rows = append(shown.Rows, row)
	}
	return shown, nil
}

func (k apiKey) named() string {
	if k.Description == "" {
		return k.Name
	}
	return k.Name + ": " + k.Description
}

// bounds are the limits of a key, in words.
func (k apiKey) bounds() string {
	var parts []string
	if len(k.Videos) > 0 {
		parts = append(parts, "videos "+strings.Join(k.Videos, ", "))
	}
	if len(k.Networks) > 0 {
		parts = append(parts, "networks "+strings.Join(k.Networks, ", "))
	}
	if k.ExpiresAt != nil {
		parts = append(parts, "until "+k.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return strings.Join(parts, "; ")
}

// apiKeyActs are the changes of API keys.
func apiKeyActs() []act {
	const path = "/projects/{project}/api-keys"
	return []act{
		{path: path + "/new", form: newAPIKeyForm, request: newAPIKey, tell: func(v *visit, done answer) (result, error) {
			return tellValue(v, done, "The API key's value. The project's back end presents it.", v.apiKeysPage())
		}},
		{path: path + "/{key}/edit", form: editAPIKeyForm, request: editAPIKey, tell: func(v *visit, done answer) (result, error) {
			var key apiKey
			err := done.into(&key)
			return result{Title: key.Name + " is saved", Back: v.apiKeysPage()}, err
		}},
		onAPIKey(path+"/{key}/end-tokens", "End the tokens of", "End tokens", "/tokens", "Every access and refresh token of the key ends. The key itself stays, and can be exchanged again."),
		onAPIKey(path+"/{key}/delete", "Delete", "Delete", "", "The key and all its access and refresh tokens are refused from now on. This cannot be undone."),
	}
}

func newAPIKeyForm(v *visit) (form, error) {
	return form{
		Title: "New API key", Confirm: "Create", Back: v.apiKeysPage(), Fields: apiKey{Scopes: []string{"mint"}}.fields(),
		Effects: []string{"Its value is shown once, on the next page."},
	}, nil
}

// fields are those of the forms for a key.
func (k apiKey) fields() []field {
	return []field{
		{Name: "name", Label: "Name", Kind: "text", Value: k.Name, Required: true},
		{Name: "description", Label: "Description", Kind: "text", Value: k.Description},
		{Name: "scopes", Label: "Scopes", Kind: "checks", Values: k.Scopes, Options: []option{
			{"mint", "mint: playback tokens"}, {"keys", "keys: signing keys and rotation"}, {"read", "read: the project"}}},
		{Name: "videos", Label: "Videos", Kind: "text", Value: strings.Join(k.Videos, ", "), Help: "Ids, or beginnings with * at the end, separated by commas. Empty: all."},
		{Name: "networks", Label: "Networks", Kind: "text", Value: strings.Join(k.Networks, ", "), Help: "As in 192.0.2.0/24, separated by commas. Empty: all."},
		{Name: "expires_at", Label: "Ends", Kind: "text", Value: k.ends(), Help: "As in 2030-01-31T00:00:00Z. Empty: never."},
	}
}

// ends is the key's end as it is typed.
func (k apiKey) ends() string {
	if k.ExpiresAt == nil {
		return ""
	}
	return k.ExpiresAt.UTC().Format(time.RFC3339)
}

func (v *visit) apiKey() (key apiKey, err error) {
	err = v.get(v.project()+"/api-keys/"+v.escaped("key"), &key)
	return key, err
}

func editAPIKeyForm(v *visit) (form, error) {
	key, err := v.apiKey()
	return form{
		Title: "Change " + key.Name, Confirm: "Save", Back: v.apiKeysPage(), Fields: key.fields(),
		Effects: []string{"The key's value stays. What it may not do any more is refused from now on, with its tokens, too."},
	}, err
}

// editAPIKey sends what was changed, so that an end that has passed can stay.
func editAPIKey(v *visit) (request, error) {
	key, err := v.apiKey()
	body := map[string]any{"name": v.typed("name"), "description": v.typed("description"), "scopes": append([]string{}, v.request.PostForm["scopes"]...),
		"videos": v.typedList("videos"), "networks": v.typedList("networks")}
	switch ends := v.typed("expires_at"); ends {
	case key.ends():
	case "":
		body["expires_at"] = nil
	default:
		body["expires_at"] = ends
	}
	return request{method: http.MethodPatch, path: v.project() + "/api-keys/" + v.escaped("key"), body: body}, err
}

func newAPIKey(v *visit) (request, error) {
	body := map[string]any{"name": v.typed("name")}
	for _, name := range []string{"description", "expires_at"} {
		if value := v.typed(name); value != "" {
			body[name] = value
		}
	}
	body["scopes"] = append([]string{}, v.request.PostForm["scopes"]...)
	for _, name := range []string{"videos", "networks"} {
		if values := v.typedList(name); len(values) > 0 {
			body[name] = values
		}
	}
	return request{method: http.MethodPost, path: v.project() + "/api-keys", body: body}, nil
}

// typedList is what was typed into a field, separated by commas.
func (v *visit) typedList(name string) []string { return separated(v.typed(name), ",") }

// onAPIKey is a change of one API key that takes something away.
func onAPIKey(path, title, confirm, below, effect string) act {
	return act{
		path: path,
		form: func(v *visit) (form, error) {
			key, err := v.apiKey()
			return form{Title: title + " " + key.Name, Effects: []string{effect}, Confirm: confirm, Danger: true, Back: v.apiKeysPage()}, err
		},
		request: func(v *visit) (request, error) {
			return request{method: http.MethodDelete, path: v.project() + "/api-keys/" + v.escaped("key") + below}, nil
		},
		tell: func(v *visit, _ answer) (result, error) { return result{Title: "Done", Back: v.apiKeysPage()}, nil },
	}
}

// tellValue shows a value that is shown once.
func tellValue(_ *visit, done answer, what, back string) (result, error) {
	var made struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	err := done.into(&made)
	return result{Title: made.Name + " is made", Secret: made.Value, What: what, Back: back}, err
}

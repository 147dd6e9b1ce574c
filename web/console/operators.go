package console

import (
	"net/http"
	"time"
)

const (
	adminKeysPage = Path + "operators"
	approvalsPage = Path + "approvals"
)

// adminKey is an admin key as the API shows it.
type adminKey struct {
	ID         string     `json:"admin_key_id"`
	Name       string     `json:"name"`
	Role       string     `json:"role"`
	ExpiresAt  *time.Time `json:"expires_at"`
	CreatedAt  *time.Time `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func showAdminKeys(v *visit) (any, error) {
	var keys list[adminKey]
	if err := v.get(withQuery("/v1/admin-keys", v.asked(pageNames...)), &keys); err != nil {
		return nil, err
	}
	shown := listPage{
		Title: "Operators", Columns: []string{"Name", "Id", "Role", "Ends", "Created", "Last used", ""}, Empty: "There is no such admin key.",
		Filters: []field{v.filter("name", "Name", "Or a part of it.")}, More: more(keys, adminKeysPage),
		Notes: []badge{{plain, "People who sign in with an identity provider are not in this list: the provider and PLAYTOKEN_OPERATOR_ROLES decide about them."}},
	}
	if v.person.Administers() {
		shown.Acts = []link{{adminKeysPage + "/new", "New admin key…"}}
		if v.console.config.Provider {
			shown.Acts = append(shown.Acts, link{adminKeysPage + "/end-sessions", "End a person's sessions…"})
		}
	}
	for _, key := range keys.Items {
		row := listRow{Cells: []cell{text(key.Name), code(key.ID), text(key.Role), moment(key.ExpiresAt), moment(key.CreatedAt), moment(key.LastUsedAt)}}
		if key.CreatedAt != nil && v.person.Administers() { // the environment's own ends with its setting
			row.Acts = []link{{adminKeysPage + "/" + segment(key.ID) + "/delete", "Delete…"}}
		}
		shown.Rows = append(shown.Rows, row)
	}
	return shown, nil
}

// operatorActs are the changes of admin keys, and approvals.
func operatorActs() []act {
	return []act{
		{path: "/operators/new", form: newAdminKeyForm, request: newAdminKey, tell: func(v *visit, done answer) (result, error) {
			return tellValue(v, done, "The admin key's value. The operator signs in with it.", adminKeysPage)
		}},
		{path: "/operators/{key}/delete", form: func(v *visit) (form, error) {
			return form{Title: "Delete an admin key", Confirm: "Delete", Danger: true, Back: adminKeysPage, Effects: []string{
				"The key " + v.request.PathValue("key") + " is refused from now on. This cannot be undone."}}, nil
		}, request: func(v *visit) (request, error) {
			return request{method: http.MethodDelete, path: "/v1/admin-keys/" + v.escaped("key")}, nil
		}, tell: func(*visit, answer) (result, error) {
			return result{Title: "The admin key is deleted", Back: adminKeysPage}, nil
		}},
		{path: "/operators/end-sessions", form: endPersonForm, request: func(v *visit) (request, error) {
			return request{method: http.MethodPost, path: "/v1/operators/" + segment(v.typed("operator_id")) + "/sessions/end"}, nil
		}, tell: func(*visit, answer) (result, error) {
			return result{Title: "The sessions are over", Back: adminKeysPage}, nil
		}},
		{path: "/approvals/{approval}/approve", form: approveForm, request: func(v *visit) (request, error) {
			return request{method: http.MethodPost, path: "/v1/approvals/" + v.escaped("approval") + "/approve"}, nil
		}, tell: func(*visit, answer) (result, error) {
			return result{Title: "Approved, and carried out", Back: approvalsPage}, nil
		}},
	}
}

func endPersonForm(v *visit) (form, error) {
	f := form{Title: "End a person's sessions", Confirm: "End them", Danger: true, Back: adminKeysPage, Effects: []string{
		"Every session that the person began with the identity provider ends, here and on the command line. They can sign in again as long as the provider and PLAYTOKEN_OPERATOR_ROLES allow it."},
		Fields: []field{{Name: "operator_id", Label: "Operator id", Kind: "text", Required: true, Help: "As the audit record shows it: operator_ and 26 characters."}}}
	if !v.console.config.Provider {
		f.Blocked = "Operators do not sign in with an identity provider in this deployment."
	}
	return f, nil
}

func newAdminKeyForm(*visit) (form, error) {
	return form{Title: "New admin key", Confirm: "Create", Back: adminKeysPage, Fields: []field{
		{Name: "name", Label: "Name", Kind: "text", Required: true, Help: "Whose it is. It stands in the audit record."},
		{Name: "role", Label: "Role", Kind: "select", Options: []option{{"auditor", "auditor: reads everything"}, {"operator", "operator: also keys, rotation and sessions"}, {"admin", "admin: everything"}}},
		{Name: "expires_at", Label: "Ends", Kind: "text", Help: "As in 2030-01-31T00:00:00Z. Empty: never."},
	}}, nil
}

func newAdminKey(v *visit) (request, error) {
	body := map[string]any{"name": v.typed("name"), "role": v.typed("role")}
	if ends := v.typed("expires_at"); ends != "" {
		body["expires_at"] = ends
	}
	return request{method: http.MethodPost, path: "/v1/admin-keys", body: body}, nil
}

// approvable is an act that waits.
type approvable struct {
	ID          string     `json:"approval_id"`
	Act         string     `json:"act"`
	ProjectID   string     `json:"project_id"`
	Subject     string     `json:"subject"`
	Reason      string     `json:"reason"`
	AskedBy     string     `json:"asked_by"`
	AskedByName string     `json:"asked_by_name"`
	ExpiresAt   *time.Time `json:"expires_at"`
}

// who asked for it.
func (a approvable) who() string { return auditEntry{Actor: a.AskedBy, ActorName: a.AskedByName}.who() }

func waiting(v *visit) (list[approvable], error) {
	var found list[approvable]
	err := v.get("/v1/approvals", &found)
	return found, err
}

func showApprovals(v *visit) (any, error) {
	found, err := waiting(v)
	if err != nil {
		return nil, err
	}
	shown := listPage{Title: "Approvals", Columns: []string{"Act", "Project", "About", "Asked by", "Reason", "Ends", ""}, Empty: "Nothing waits for an approval."}
	for _, a := range found.Items {
		row := listRow{Cells: []cell{text(a.Act), code(a.ProjectID), code(a.Subject), text(a.who()), text(a.Reason), moment(a.ExpiresAt)}}
		if v.person.Changes() && a.AskedBy != v.person.ID {
			row.Acts = []link{{approvalsPage + "/" + segment(a.ID) + "/approve", "Approve…"}}
		}
		shown.Rows = append(shown.Rows, row)
	}
	return shown, nil
}

func approveForm(v *visit) (form, error) {
	found, err := waiting(v)
	if err != nil {
		return form{}, err
	}
	for _, a := range found.Items {
		if a.ID == v.request.PathValue("approval") {
			return form{Title: "Approve", Confirm: "Approve", Danger: true, Back: approvalsPage, Effects: []string{
				a.who() + " asked for this: " + a.Act + " " + a.Subject + " of the project " + a.ProjectID + ".", "The reason: " + a.Reason,
				"It is carried out at once."}}, nil
		}
	}
	return form{}, &Problem{Status: http.StatusNotFound, Title: "Not found", Detail: "This does not wait: it was approved, or it took too long."}
}

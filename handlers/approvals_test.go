package handlers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/handlers"
	"playtoken/projects"
	"playtoken/projects/approvals"
)

// careful is a deployment where such acts wait for a second operator. The admin of
// the environment and the operator are two.
func careful(t *testing.T, kinds ...approvals.Kind) (d *deployment, operator string, done func()) {
	t.Helper()
	d, done = deploy(t, func(c *handlers.Config) { c.MustWait = kinds })
	return d, d.operators[projects.RoleOperator].Value.Reveal(), done
}

// waiting asks for an act that has to wait, and returns the approval's id.
func (d *deployment) waiting(t *testing.T, method, path, key, body string) string {
	t.Helper()
	d.rotation.asked = ""
	got := d.ask(method, path, key, body)
	id, _ := decoded(t, got)["approval_id"].(string)
	until, err := time.Parse(time.RFC3339, fmt.Sprint(decoded(t, got)["expires_at"]))
	if got.Code != 202 || id == "" || err != nil || time.Until(until) > approvals.Life || d.rotation.asked != "" {
		t.Fatalf("%s %s: got %d %s, and the rotation was asked for %q; want 202 and nothing done", method, path, got.Code, got.Body, d.rotation.asked)
	}
	return id
}

func (d *deployment) approve(id, key string) string {
	return short(d.ask("POST", "/v1/approvals/"+id+"/approve", key, ""))
}

// TestAnApprovalSaysWhy: the entry of the act has both reasons.
func TestAnApprovalSaysWhy(t *testing.T) {
	d, operator, done := careful(t, approvals.Revoke)
	defer done()
	id := d.waiting(t, "POST", "/v1/projects/"+d.own.ID+"/signing-keys/2/revoke", operator, because)
	d.record.entries = nil
	if got := short(d.ask("POST", "/v1/approvals/"+id+"/approve", adminKey, `{"reason":"seen in the ticket"}`)); got != "200" {
		t.Fatalf("approval with a reason: got %s, want 200", got)
	}
	want := fmt.Sprintf("because (%s, asked for by the operator (%s); approved: seen in the ticket)", id, d.operators[projects.RoleOperator].ID)
	if recorded := d.record.short(); len(recorded) != 2 || !strings.HasSuffix(recorded[0], want) || !strings.HasSuffix(recorded[1], want) {
		t.Errorf("recorded: got %q, want %q in both entries", recorded, want)
	}
}

func TestAnActWaitsForAnotherOperator(t *testing.T) {
	for name, c := range map[string]struct {
		kinds              []approvals.Kind
		method, path, body string
		asked, answer      string // what the rotation is asked for, and the response
	}{
		"revoke": {[]approvals.Kind{approvals.Revoke}, "POST", "/signing-keys/2/revoke", because, "revoke 2", "200"},
		"remove": {[]approvals.Kind{approvals.Remove}, "DELETE", "/platform-keys/key-9", because, "remove key-9", "200"},
	} {
		d, operator, done := careful(t, c.kinds...)
		path := "/v1/projects/" + d.own.ID + c.path
		id := d.waiting(t, c.method, path, operator, c.body)
		list := d.ask("GET", "/v1/approvals", d.operators[projects.RoleAuditor].Value.Reveal(), "")
		for _, want := range []string{`"act":"` + name + `"`, `"reason":"because"`, `"asked_by_name":"the operator"`, id, d.own.ID} {
			if !strings.Contains(list.Body.String(), want) {
				t.Errorf("%s: list of what waits: got %s, want %s in it", name, list.Body, want)
			}
		}
		for who, key := range map[string]string{"who asked": operator, "an auditor": d.operators[projects.RoleAuditor].Value.Reveal(), "an API key": d.keys["keys"]} {
			if got := d.approve(id, key); got != "403 forbidden" || d.rotation.asked != "" {
				t.Errorf("%s: approval by %s: got %s, and the rotation was asked for %q; want 403 and nothing", name, who, got, d.rotation.asked)
			}
		}
		d.record.entries = nil
		if got := d.approve(id, adminKey); got != c.answer || d.rotation.asked != c.asked {
			t.Errorf("%s: approval: got %s, and the rotation was asked for %q; want %s and %q", name, got, d.rotation.asked, c.answer, c.asked)
		}
		by := fmt.Sprintf("because (%s, asked for by the operator (%s))", id, d.operators[projects.RoleOperator].ID)
		if d.rotation.order.Actor != "admin" || d.rotation.order.Reason != by {
			t.Errorf("%s: order: got %+v, want both operators in it", name, d.rotation.order)
		}
		if recorded := d.record.short(); len(recorded) != 2 || !strings.Contains(recorded[0], "intent "+by) || !strings.Contains(recorded[1], "ok "+by) {
			t.Errorf("%s: recorded: got %q, want the act with both operators, before and after", name, recorded)
		}
		d.rotation.asked = ""
		if got := d.approve(id, adminKey); got != "404 not_found" || d.rotation.asked != "" {
			t.Errorf("%s: second approval: got %s, and the rotation was asked for %q; want 404 and nothing", name, got, d.rotation.asked)
		}
		done()
	}
}

// TestWhoApprovesMayDoTheAct: an operator must not delete a project by approving it.
func TestWhoApprovesMayDoTheAct(t *testing.T) {
	d, operator, done := careful(t, approvals.Delete)
	defer done()
	own := "/v1/projects/" + d.own.ID
	id := d.waiting(t, "DELETE", own+"?revoke=true", adminKey, `{"reason":"ended"}`)
	if got := d.approve(id, operator); got != "403 forbidden" {
		t.Errorf("approval by an operator: got %s, want 403", got)
	}
	second, err := d.projects.CreateAdminKey(t.Context(), "the other admin", projects.RoleAdmin, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.approve(id, second.Value.Reveal()); got != "204" {
		t.Errorf("approval by an admin: got %s, want 204", got)
	}
	if got := d.ask("GET", own, adminKey, ""); got.Code != 404 {
		t.Errorf("the project afterwards: got %d, want 404", got.Code)
	}
}

// TestRevokingByDeletingIsNoWayAround where only revoking waits.
func TestRevokingByDeletingIsNoWayAround(t *testing.T) {
	d, _, done := careful(t, approvals.Revoke)
	defer done()
	own := "/v1/projects/" + d.own.ID
	d.waiting(t, "DELETE", own+"?revoke=true", adminKey, "")
	d.waiting(t, "DELETE", own, adminKey, `{"revoke":true}`)
	if got := short(d.ask("DELETE", own, adminKey, "")); got != "409 conflict" { // its keys are live
		t.Errorf("without revoking: got %s, want 409 at once", got)
	}
}

func TestAnAdminMayOverrideAndThatIsSaidAloud(t *testing.T) {
	d, operator, done := careful(t, approvals.Revoke, approvals.Remove, approvals.Delete)
	defer done()
	const override = `{"reason":"leak","override":true}`
	own := "/v1/projects/" + d.own.ID
	for _, key := range []string{operator, d.keys["keys"]} {
		if got := short(d.ask("POST", own+"/signing-keys/2/revoke", key, override)); got != "403 forbidden" || d.rotation.asked != "" {
			t.Errorf("override without the role: got %s, and the rotation was asked for %q; want 403 and nothing", got, d.rotation.asked)
		}
	}
	for _, c := range []struct{ method, path, body, answer, act string }{
		{"POST", "/signing-keys/2/revoke", override, "200", "signing_key.revoke"},
		{"DELETE", "/platform-keys/key-9", override, "200", "platform_key.delete"},
		{"DELETE", "?override=true", "", "409 conflict", "project.delete"}, // its keys are live
		{"DELETE", "?revoke=true", override, "204", "project.delete"},
	} {
		d.record.entries = nil
		d.log.Reset()
		if got := short(d.ask(c.method, own+c.path, adminKey, c.body)); got != c.answer {
			t.Errorf("%s %s: got %s, want %s", c.method, c.path, got, c.answer)
		}
		if recorded := d.record.short(); len(recorded) != 3 || !strings.Contains(recorded[0], "admin approval.override "+d.own.ID) || !strings.Contains(recorded[0], c.act) {
			t.Errorf("%s: recorded: got %q, want the override, and the act before and after", c.act, recorded)
		}
		if !strings.Contains(d.log.String(), "level=WARN") || !strings.Contains(d.log.String(), "act="+c.act) {
			t.Errorf("%s: log: got %q, want a warning", c.act, d.log)
		}
	}
	if list := d.ask("GET", "/v1/approvals", adminKey, ""); list.Body.String() != `{"items":[]}`+"\n" {
		t.Errorf("what waits: got %s, want nothing", list.Body)
	}
}

// TestNothingWaitsWhereNothingIsConfigured, and an override that is not needed is
// not said aloud.
func TestNothingWaitsWhereNothingIsConfigured(t *testing.T) {
	d, operator, done := careful(t)
	defer done()
	got := short(d.ask("POST", "/v1/projects/"+d.own.ID+"/signing-keys/2/revoke", operator, `{"reason":"leak","override":true}`))
	if got != "200" || d.rotation.asked != "revoke 2" || strings.Contains(fmt.Sprint(d.record.short()), "override") {
		t.Errorf("revoke: got %s, asked for %q, recorded %q; want it done without an override", got, d.rotation.asked, d.record.short())
	}
}

// TestWhatCannotBeDoneDoesNotWait: the second operator does not find that out.
func TestWhatCannotBeDoneDoesNotWait(t *testing.T) {
	d, operator, done := careful(t, approvals.Revoke, approvals.Remove, approvals.Delete)
	defer done()
	for _, c := range []struct{ method, path, key, body, want string }{
		{"POST", "/v1/projects/" + d.own.ID + "/signing-keys/99/revoke", operator, because, "404 not_found"},
		{"POST", "/v1/projects/" + d.gone.ID + "/signing-keys/2/revoke", operator, because, "404 not_found"},
		{"DELETE", "/v1/projects/" + d.gone.ID + "/platform-keys/key-9", operator, because, "404 not_found"},
		{"DELETE", "/v1/projects/" + d.gone.ID, adminKey, "", "404 not_found"},
		{"DELETE", "/v1/projects/default", adminKey, "", "409 conflict"},
		{"POST", "/v1/projects/" + d.own.ID + "/signing-keys/2/revoke", operator, `{}`, "400 invalid_request"},
		{"POST", "/v1/projects/" + d.own.ID + "/signing-keys/2/revoke", d.keys["mint"], because, "403 forbidden"},
		{"DELETE", "/v1/projects/" + d.own.ID, adminKey, `{"x":1}`, "400 invalid_request"},
	} {
		if got := short(d.ask(c.method, c.path, c.key, c.body)); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.method, c.path, got, c.want)
		}
	}
}

// TestAnActThatFailsIsAskedForAgain: its approval is used up.
func TestAnActThatFailsIsAskedForAgain(t *testing.T) {
	d, operator, done := careful(t, approvals.Remove)
	defer done()
	path := "/v1/projects/" + d.own.ID + "/platform-keys/key-9"
	id := d.waiting(t, "DELETE", path, operator, because)
	d.rotation.err = errors.New("no answer")
	if got := d.approve(id, adminKey); got != "500 internal" {
		t.Errorf("an act that fails: got %s, want its error", got)
	}
	d.rotation.err = nil
	if got := d.approve(id, adminKey); got != "404 not_found" {
		t.Errorf("approved again: got %s, want 404", got)
	}
	if again := d.waiting(t, "DELETE", path, operator, because); again == id {
		t.Error("asked for again: got the same approval, want a new one")
	}
}

// TestWithoutItsRecordAnActDoesNotBegin, except one that is urgent.
func TestWithoutItsRecordAnActDoesNotBegin(t *testing.T) {
	d, operator, done := careful(t, approvals.Revoke, approvals.Remove)
	defer done()
	remove := "/v1/projects/" + d.own.ID + "/platform-keys/key-9"
	id := d.waiting(t, "DELETE", remove, operator, because)
	d.record.err = errors.New("disk full")
	for what, got := range map[string]string{
		"asked for": short(d.ask("DELETE", remove, operator, `{"reason":"other"}`)), "approved": d.approve(id, adminKey),
		"overridden": short(d.ask("DELETE", remove, adminKey, `{"reason":"r","override":true}`)),
	} {
		if got != "503 audit_unavailable" || d.rotation.asked != "" {
			t.Errorf("removal that is %s: got %s, and the rotation was asked for %q; want 503 and nothing", what, got, d.rotation.asked)
		}
	}
	urgent := d.waiting(t, "POST", "/v1/projects/"+d.own.ID+"/signing-keys/2/revoke", operator, because)
	if got := d.approve(urgent, adminKey); got != "200" || d.rotation.asked != "revoke 2" {
		t.Errorf("revocation: got %s, asked for %q; want it done", got, d.rotation.asked)
	}
}

// TestWhatWaitsOutlivesItsProcess: it is in the store, for every replica.
func TestWhatWaitsOutlivesItsProcess(t *testing.T) {
	d, operator, done := careful(t, approvals.Revoke)
	defer done()
	id := d.waiting(t, "POST", "/v1/projects/"+d.own.ID+"/signing-keys/2/revoke", operator, because)
	other, _, otherDone := careful(t, approvals.Revoke)
	defer otherDone()
	other.documents.held = d.documents.held
	if list := other.ask("GET", "/v1/approvals", adminKey, "").Body.String(); !strings.Contains(list, id) {
		t.Errorf("what waits at a replica: got %s, want %s in it", list, id)
	}
}

// TestWhatAuditorsSeeOfAnAct has an entry when it is asked for.
func TestWhatAuditorsSeeOfAnAct(t *testing.T) {
	d, operator, done := careful(t, approvals.Revoke)
	defer done()
	id := d.waiting(t, "POST", "/v1/projects/"+d.own.ID+"/signing-keys/2/revoke", operator, because)
	want := []string{d.operators[projects.RoleOperator].ID + " approval.ask " + d.own.ID + " " + id + " signing_key.revoke because"}
	if diff := cmp.Diff(want, slices.DeleteFunc(d.record.short(), func(line string) bool { return !strings.Contains(line, "approval") })); diff != "" {
		t.Errorf("recorded -want +got:\n%s", diff)
	}
}

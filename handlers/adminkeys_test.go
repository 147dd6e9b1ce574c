package handlers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/projects"
	"playtoken/secret"
)

// TestALifeOfAnAdminKey: made, shown once, used under its name, deleted.
func TestALifeOfAnAdminKey(t *testing.T) {
	d, done := deploy(t)
	defer done()
	made := d.ask("POST", "/v1/admin-keys", adminKey, `{"name":"Ann Smith","role":"operator","expires_at":"2100-01-01T00:00:00Z"}`)
	equal(t, made, 201, `{"admin_key_id":"…","name":"Ann Smith","role":"operator","expires_at":"2100-01-01T00:00:00Z","created_at":"…","last_used_at":null,"value":"…"}`)
	id, value := decoded(t, made)["admin_key_id"].(string), decoded(t, made)["value"].(string)
	if !strings.HasPrefix(id, "admin_key_") || !strings.HasPrefix(value, "pta_") {
		t.Errorf("got the id %q and the value %.4s…, want admin_key_… and pta_…", id, value)
	}
	list := d.ask("GET", "/v1/admin-keys", adminKey, "").Body.String()
	if !strings.Contains(list, id) || strings.Contains(list+d.log.String()+fmt.Sprint(d.record.entries), value) {
		t.Errorf("got the list %s, want the key in it and its value nowhere", list)
	}
	d.record.entries = nil
	rotated := d.ask("POST", "/v1/projects/"+d.own.ID+"/rotation", value, `{"mode":"due","reason":"drill"}`)
	if rotated.Code != 200 || d.rotations[d.own.ID].order.ActorName != "Ann Smith" || d.record.entries[0].Actor != id || d.record.entries[0].ActorName != "Ann Smith" {
		t.Errorf("rotation by the key: got %d, recorded %+v, want 200 and its id and name", rotated.Code, d.record.entries)
	}
	if got := d.ask("DELETE", "/v1/admin-keys/"+id, adminKey, ""); got.Code != 204 {
		t.Errorf("delete: got %d, want 204", got.Code)
	}
	if got := d.ask("GET", "/v1/projects", value, ""); got.Code != 401 {
		t.Errorf("deleted key: got %d, want 401", got.Code)
	}
}

// TestAnExpiredCredentialIsForbidden: its holder learns why, on every route.
func TestAnExpiredCredentialIsForbidden(t *testing.T) {
	expired := time.Now().Add(-time.Second)
	d, done := deploy(t, func(c *handlers.Config) {
		c.Callers = identifier(func(context.Context, secret.Value) (projects.Caller, error) {
			return projects.Caller{ID: "admin_key_x", Role: projects.RoleAdmin, Bounds: projects.Bounds{ExpiresAt: &expired}}, nil
		})
	})
	defer done()
	for _, route := range []string{"GET /v1/projects", "GET /v1/projects/nowhere", "POST /v1/projects"} {
		method, path, _ := strings.Cut(route, " ")
		got := d.ask(method, path, adminKey, `{}`)
		if p := problemOf(t, got); p.Code != "forbidden" || !strings.Contains(p.Detail, "expires_at") {
			t.Errorf("%s: got %d %s, want forbidden because of expires_at", route, got.Code, p.Detail)
		}
	}
}

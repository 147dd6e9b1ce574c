package handlers_test

import "testing"

func TestARuleIsChecked(t *testing.T) {
	d, done := deploy(t)
	defer done()
	d.Handler = validated(t, d.Handler)
	path := "/v1/projects/" + d.own.ID + "/viewer-policy/check"
	for body, want := range map[string]string{
		`{"rule":"true"}`:  `{"ok":true,"error":null,"result":null}`,
		`{"rule":"wrong"}`: `{"ok":false,"error":{"message":"what is wrong","line":1,"column":2},"result":null}`,
		`{"rule":"true","facts":{"viewer":{"id":"ann","claims":{"n":1}},"video_id":"v","request":{"caller":"viewer","expires_in":60},"now":"2026-03-01T12:00:00Z"}}`: `{"ok":true,"error":null,"result":{"entitled":true,"reason":null}}`,
	} {
		equal(t, d.ask("POST", path, adminKey, body), 200, want)
	}
	for _, bad := range []string{`{"rule":""}`, `{"facts":{}}`, `{"rule":"true","facts":{"viewer":{"name":"ann"}}}`, `{"rule":"true","facts":{"request":{"expires_in":86401}}}`} {
		if got := d.ask("POST", path, adminKey, bad); got.Code != 400 {
			t.Errorf("%s: got %d, want 400", bad, got.Code)
		}
	}
	if got := d.ask("POST", "/v1/projects/project_gone/viewer-policy/check", adminKey, `{"rule":"true"}`); got.Code != 404 {
		t.Errorf("a project that does not exist: got %d, want 404", got.Code)
	}
	if len(d.record.entries) != 0 {
		t.Errorf("got the record %+v, want nothing in it", d.record.entries)
	}
}

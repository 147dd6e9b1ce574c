package handlers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"playtoken/handlers"
	"playtoken/projects"
)

// TestBoundsOfAnAPIKey: made and changed over HTTP, and named by what they refuse.
func TestBoundsOfAnAPIKey(t *testing.T) {
	from := "192.0.2.7"
	d, done := deploy(t, func(c *handlers.Config) {
		c.ClientIP = func(*http.Request) netip.Addr { return netip.MustParseAddr(from) }
	})
	defer done()
	keys := "/v1/projects/" + d.own.ID + "/api-keys"
	made := d.ask("POST", keys, adminKey, `{"name":"k","description":"of the app","expires_at":"2100-01-01T00:00:00Z","videos":["vid1","vidfilm*"],"networks":["192.0.2.0/24"]}`)
	equal(t, made, 201, `{"api_key_id":"…","project_id":"…","name":"k","description":"of the app","scopes":["mint"],"expires_at":"2100-01-01T00:00:00Z",
		"videos":["vid1","vidfilm*"],"networks":["192.0.2.0/24"],"created_at":"…","last_used_at":null,"value":"…"}`)
	id, value := decoded(t, made)["api_key_id"].(string), decoded(t, made)["value"].(string)
	mint := func(video string) string {
		got := d.ask("POST", "/v1/playback-tokens", value, fmt.Sprintf(`{"video_id":%q}`, video))
		if got.Code == 201 {
			return ""
		}
		return problemText(t, got)
	}
	refused := func(what, got, bound string) {
		t.Helper()
		if !strings.HasPrefix(got, "forbidden ") || !strings.Contains(got, "("+bound+")") {
			t.Errorf("%s: got %q, want forbidden because of %s", what, got, bound)
		}
	}
	if got := mint("vid1") + mint("vidfilm1"); got != "" {
		t.Errorf("its videos: got %q, want tokens", got)
	}
	refused("another video", mint("vid10"), "videos")
	refused("every video", mint("*"), "videos")
	refused("a sign route", problemText(t, d.ask("POST", "/v1/projects/"+d.own.ID+"/media/vid2/sign", value, `{}`)), "videos")
	batch := d.ask("POST", "/v1/playback-tokens/batch", value, `{"requests":[{"video_id":"vid1"},{"video_id":"vid2"}]}`)
	if batch.Code != 200 || !strings.Contains(batch.Body.String(), `"forbidden"`) || !strings.Contains(batch.Body.String(), `"token"`) {
		t.Errorf("batch: got %d %s, want one token and one refusal", batch.Code, batch.Body)
	}
	from = "198.51.100.1"
	refused("another network", mint("vid1"), "networks")
	refused("exchange from there", problemText(t, d.ask("POST", "/v1/auth/api-key", "", fmt.Sprintf(`{"apiKey":%q}`, value))), "networks")
	if got := d.ask("PATCH", keys+"/"+id, adminKey, `{"networks":null,"videos":[]}`); got.Code != 200 {
		t.Errorf("PATCH: got %d %s, want 200", got.Code, got.Body)
	}
	if got := mint("vid2"); got != "" {
		t.Errorf("without bounds: got %q, want a token", got)
	}
}

func problemText(t *testing.T, got *httptest.ResponseRecorder) string {
	t.Helper()
	p := problemOf(t, got)
	return p.Code + " " + p.Detail
}

func TestTokensOfAnAPIKeyAreEnded(t *testing.T) {
	d, done := deploy(t)
	defer done()
	list, err := d.projects.APIKeys(t.Context(), d.own.ID, projects.Page{})
	if err != nil {
		t.Fatal(err)
	}
	path := "/v1/projects/" + d.own.ID + "/api-keys/" + list.Items[0].ID + "/tokens"
	if got := d.ask("DELETE", path, adminKey, ""); got.Code != 204 {
		t.Errorf("DELETE: got %d, want 204", got.Code)
	}
	k, err := d.projects.APIKey(t.Context(), d.own.ID, list.Items[0].ID)
	if err != nil || k.TokensEnded != 1 {
		t.Errorf("key: got %+v, %v, want its tokens ended once", k, err)
	}
	if got := d.ask("DELETE", strings.Replace(path, d.own.ID, d.other.ID, 1), adminKey, ""); got.Code != 404 {
		t.Errorf("of another project: got %d, want 404", got.Code)
	}
}

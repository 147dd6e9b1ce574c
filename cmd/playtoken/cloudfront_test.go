package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/platforms/cloudfront/cloudfronttest"
	"playtoken/platforms/standin"
	"playtoken/secret"
	"playtoken/store"
)

// cdn is a stand-in of CloudFront whose answers to writes are lost now and then: the
// first of each kind that was carried out, and the second that was not.
type cdn struct {
	*cloudfronttest.Account
	keys   *standin.Keys
	floor  string
	server *httptest.Server

	mu    sync.Mutex
	calls map[standin.Op]int
}

const deployDelay = 300 * time.Millisecond

func newCDN(t *testing.T) *cdn {
	t.Helper()
	c := &cdn{calls: map[standin.Op]int{}}
	c.keys = standin.New(standin.Options{Fault: c.loses})
	c.Account = cloudfronttest.New(standin.World{Keys: c.keys, Credential: map[string]secret.Value{
		"access_key_id": secret.New("AKIAIOSFODNN7EXAMPLE"), "secret_access_key": secret.New("secret-access-key-for-tests"),
	}}, deployDelay)
	c.floor = c.keys.Add("floor", standin.PublicKey(0))
	c.Put(c.floor)
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	return c
}

func (c *cdn) loses(call standin.Call) standin.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call.Op]++
	switch n := c.calls[call.Op]; {
	case call.Op == standin.OpList || call.Op == standin.OpGet:
	case n == 1:
		return standin.Fault{Response: standin.Lost}
	case n == 2:
		return standin.Fault{Response: standin.Lost, Effect: standin.Never}
	}
	return standin.Fault{}
}

// members are those of a project whose viewers go to the stand-in's edge.
func (c *cdn) members(more string) string {
	return fmt.Sprintf(`"platform":"cloudfront","platform_settings":{"url":%q,"key_group":%q,"distributions":%q,"hls_url":%q%s},
		"platform_credential":{"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"secret-access-key-for-tests"}`,
		c.server.URL, cloudfronttest.GroupID, cloudfronttest.DistributionID, c.server.URL+"/{video_id}/hls.m3u8", more)
}

// TestACloudFrontProjectLosesNoViewer: through rotations in which answers are lost, a
// token is good until its end, and its key leaves the group and then the account.
func TestACloudFrontProjectLosesNoViewer(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for rotations")
	for kind, place := range map[store.Kind]string{store.RSA2048: "query", store.ECDSAP256: "cookie"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := newCDN(t)
			w := newDeployment(t, "PLAYTOKEN_PLATFORM_API_KEY=", "PLAYTOKEN_API_KEY=", "PLAYTOKEN_PLATFORM_URL=", "PLAYTOKEN_PLATFORM_HLS_URL=",
				"PLAYTOKEN_SETTLE=4s", "PLAYTOKEN_OBSERVE_EVERY=300ms", "PLAYTOKEN_TOKEN_TTL=4s", "PLAYTOKEN_TOKEN_MAX_TTL=4s", "PLAYTOKEN_MAX_STALENESS=1s")
			url, logs, stop := w.serveHere(w.environ)
			defer stop()
			id, made := w.projectWith(url, c.members(`,"place":"`+place+`"`), kind)
			if id == "" {
				t.Fatalf("create a project: got %d, want 201\n%s", made.code, made.stdout)
			}
			c.rotates(t, apiClient{t: t, client: newClient(t), url: url, key: adminKey}, id)
			if text := logs.String(); strings.Contains(text, "secret-access-key") || strings.Contains(text, "AKIAIOSFODNN7EXAMPLE") {
				t.Error("the access key is in the log")
			}
		})
	}
}

// rotates replaces the key that signs, until the first one is gone.
func (c *cdn) rotates(t *testing.T, admin apiClient, id string) {
	t.Helper()
	path := "/v1/projects/" + id
	admin.awaitStates("GET "+path+"/signing-keys", "2:registered 1:active")
	first := c.minted(t, admin, id)
	c.opens(t, first, http.StatusOK)
	eventually(t, patience, func() error { // until the standby may sign
		var done handlers.Rotated
		admin.want(http.StatusOK, &done, "POST "+path+"/rotation", `{"mode":"now","reason":"test"}`)
		if done.Refused {
			return fmt.Errorf("a rotation was refused: %s", done.Reason)
		}
		return nil
	})
	var second tokenView
	eventually(t, patience, func() error { // until the view of the ring is a new one
		if second = c.minted(t, admin, id); *first.KeyID == *second.KeyID {
			return fmt.Errorf("after a rotation: got a token of key %s again, want another one", *first.KeyID)
		}
		return nil
	})
	c.opens(t, second, http.StatusOK)
	if time.Until(first.ExpiresAt) > time.Second {
		c.opens(t, first, http.StatusOK)
	}
	fresh := c.minted(t, admin, id)
	eventually(t, patience, func() error {
		if ids, _ := c.Group(); slices.Contains(ids, *first.KeyID) {
			return fmt.Errorf("the group has %v, want it without %s", ids, *first.KeyID)
		}
		return nil
	})
	eventually(t, patience, func() error {
		for _, key := range c.keys.Current() {
			if key.ID == *first.KeyID {
				return fmt.Errorf("key %s is there, want it deleted", key.ID)
			}
		}
		return nil
	})
	c.opens(t, first, http.StatusForbidden)
	if ids, _ := c.Group(); !slices.Contains(ids, c.floor) || slices.Contains(ids, *first.KeyID) {
		t.Errorf("the group has %v, want the key that is not ours, and not the deleted one", ids)
	}
	if *fresh.KeyID == *second.KeyID {
		c.opens(t, c.minted(t, admin, id), http.StatusOK)
	}
	c.inspected(t, admin, id)
}

// inspected has the service accept a token of its own.
func (c *cdn) inspected(t *testing.T, admin apiClient, id string) {
	t.Helper()
	token := c.minted(t, admin, id)
	var inspected struct{ Valid bool }
	body, err := json.Marshal(map[string]string{"token": token.Token, "project_id": id, "video_id": "film"})
	if err != nil {
		t.Fatal(err)
	}
	admin.want(http.StatusOK, &inspected, "POST /v1/playback-tokens/inspect", string(body))
	if !inspected.Valid {
		t.Errorf("inspection of a token of ours: got that it is refused, want that it is accepted: %s", token.Token)
	}
}

func (c *cdn) minted(t *testing.T, admin apiClient, id string) (token tokenView) {
	t.Helper()
	admin.want(http.StatusCreated, &token, "POST /v1/playback-tokens", `{"project_id":"`+id+`","video_id":"film"}`)
	return token
}

// opens asks the edge for the manifest and a segment, with the token where it belongs.
func (c *cdn) opens(t *testing.T, token tokenView, want int) {
	t.Helper()
	bare, _, _ := strings.Cut(token.URLs.HLS, "?")
	for _, address := range []string{bare, strings.Replace(bare, "hls.m3u8", "180/0.m4s", 1)} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token.Delivery.Place == "cookie" {
			r.Header.Set("Cookie", token.Token)
		} else {
			r.URL.RawQuery = token.Token
		}
		resp, err := newClient(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s with a token of key %s: got %d, want %d", address, *token.KeyID, resp.StatusCode, want)
		}
	}
}

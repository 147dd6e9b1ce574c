package jwtkeys_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/platforms/standin"
)

var usable = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		"", "{}", "null", `{"success":true}`, envelope(`[{"id":"a"},{"id":"b"}]`, "{}"), envelope(`{"id":"a"}`, "null"),
		envelope(`[]`, `{"next":"?cursor=x"}`), `{"success":true,"result":{"id":"a","id":"b"}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		p := says(t, body)
		if id, err := p.Register(t.Context(), "name", standin.PublicKey(1)); (err == nil) != usable.MatchString(id) {
			t.Errorf("%q: registered %q, %v", body, id, err)
		}
		if key, err := p.Get(t.Context(), "a"); err == nil && key.ID != "a" {
			t.Errorf("%q: got %+v", body, key)
		}
		list, err := p.List(t.Context())
		if (err == nil) != (list != nil) {
			t.Errorf("%q: listed %v, %v", body, list, err)
		}
		seen := map[string]bool{}
		for _, key := range list {
			if !usable.MatchString(key.ID) || seen[key.ID] {
				t.Errorf("%q: listed %v", body, list)
			}
			seen[key.ID] = true
		}
		if err := p.Delete(t.Context(), "a"); err == nil && !strings.Contains(body, "success") {
			t.Errorf("%q: deleted", body)
		}
	})
}

func FuzzNext(f *testing.F) {
	for _, link := range []string{"", "?cursor=x", "/v2/jwt_keys?cursor=x", "https://api.example.com/v2/jwt_keys?cursor=x", "//evil.example/v2/jwt_keys?cursor=x", `\\evil.example/?x=1`} {
		f.Add(link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		second, _ := follow(t, link)
		if second != nil && (second.Scheme != "https" || second.Host != "api.example.com" || second.Path != "/v2/jwt_keys" || second.User != nil) {
			t.Errorf("%q led to %s", link, second)
		}
	})
}

func FuzzPEM(f *testing.F) {
	public := standin.PublicKey(1)
	for _, text := range []string{"", public, strings.ReplaceAll(public, "\n", "\r\n"), public + public, strings.ReplaceAll(public, "PUBLIC", "RSA PUBLIC"), "-----BEGIN PUBLIC KEY-----..."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text) // mends invalid UTF-8, which an answer could not hold
		if err != nil {
			t.Fatal(err)
		}
		list, err := says(t, envelope(`[{"id":"a","public_key":`+string(quoted)+`}]`, "{}")).List(t.Context())
		if err != nil {
			t.Fatalf("%q spoils the list: %v", text, err)
		}
		if list[0].Fingerprint == "" {
			return
		}
		if again := keyrotation.Fingerprint("\n" + text + "\n"); again != list[0].Fingerprint {
			t.Errorf("%q: got fingerprint %s with white space around it, want %s", text, again, list[0].Fingerprint)
		}
	})
}

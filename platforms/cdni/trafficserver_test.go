package cdni_test

import (
	"encoding/json"
	"strings"
	"testing"

	"playtoken/platforms/cdni"
)

const keySet = `{"keys":[{"kty":"EC","crv":"P-256","x":"eA","y":"eQ","alg":"ES256","use":"sig","kid":"one"},{"kty":"RSA","n":"bg","e":"AQAB","alg":"RS256","kid":"two"}]}`

// configured is a configuration as the plugin reads it.
type configured map[string]struct {
	RenewalKid string `json:"renewal_kid"`
	ID         string `json:"id"`
	Strip      bool   `json:"strip_token"`
	Keys       []map[string]string
}

func config(t *testing.T, s cdni.TrafficServer, replaced []byte) (text []byte, read configured) {
	t.Helper()
	text, err := s.Config([]byte(keySet), replaced)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return text, read
}

func TestConfigOfTrafficServer(t *testing.T) {
	t.Parallel()
	first, read := config(t, cdni.TrafficServer{Issuer: "us", Audience: "cdn"}, nil)
	us := read["us"]
	if len(read) != 1 || len(us.Keys) != 2 || us.Keys[0]["kid"] != "one" || us.Keys[1]["n"] != "bg" || us.RenewalKid != "one" || us.ID != "cdn" || !us.Strip {
		t.Errorf("configuration: got %s, want both keys under the issuer", first)
	}
	if again, _ := config(t, cdni.TrafficServer{Issuer: "us", Audience: "cdn"}, first); string(again) != string(first) {
		t.Errorf("the same keys again: got %s, want %s", again, first)
	}
	renews, read := config(t, cdni.TrafficServer{Issuer: "us", Renews: true}, first)
	if us := read["us"]; len(us.Keys) != 3 || us.RenewalKid != "renewal" || us.Keys[2]["kty"] != "oct" || len(us.Keys[2]["k"]) < 43 || us.ID != "" {
		t.Errorf("with renewals: got %s, want a key of 256 bits for them", renews)
	}
	if again, _ := config(t, cdni.TrafficServer{Issuer: "us", Renews: true}, renews); string(again) != string(renews) {
		t.Errorf("renewals again: got %s, want the same key as in %s", again, renews)
	}
	if other, _ := config(t, cdni.TrafficServer{Issuer: "us", Renews: true}, nil); string(other) == string(renews) {
		t.Error("the key for renewals of two files: got the same, want another one")
	}
}

func TestSetsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"nothing":         ``,
		"words":           `not found`,
		"no keys":         `{"keys":[]}`,
		"another object":  `{"items":[]}`,
		"no id":           `{"keys":[{"kty":"RSA","alg":"RS256"}]}`,
		"no algorithm":    `{"keys":[{"kty":"RSA","kid":"one"}]}`,
		"an id twice":     `{"keys":[{"kty":"RSA","alg":"RS256","kid":"one"},{"kty":"RSA","alg":"RS256","kid":"one"}]}`,
		"a private key":   `{"keys":[{"kty":"RSA","alg":"RS256","kid":"one","d":"ZA"}]}`,
		"a shared secret": `{"keys":[{"kty":"oct","alg":"HS256","kid":"one","k":"aw"}]}`,
		"our own id":      `{"keys":[{"kty":"RSA","alg":"RS256","kid":"renewal"}]}`,
	} {
		if got, err := (cdni.TrafficServer{Issuer: "us"}).Config([]byte(set), nil); err == nil || got != nil {
			t.Errorf("%s: got %s, %v, want an error", name, got, err)
		}
		if got, err := cdni.PublicSet([]byte(set), nil); err == nil || got != nil {
			t.Errorf("%s as a set: got %s, %v, want an error", name, got, err)
		}
	}
	if got, err := cdni.PublicSet([]byte(keySet), nil); err != nil || string(got) != keySet {
		t.Errorf("a good set: got %s, %v, want it as it is", got, err)
	}
	if _, err := (cdni.TrafficServer{Issuer: "us", Renews: true}).Config([]byte(keySet), []byte("# another file")); err == nil || !strings.Contains(err.Error(), "not a configuration") {
		t.Errorf("a file that is not one of ours: got %v, want it said", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(keySet, `{"us":{"keys":[{"kid":"renewal","k":"x"}]}}`)
	f.Fuzz(func(t *testing.T, set, replaced string) {
		got, err := cdni.TrafficServer{Issuer: "us", Renews: true}.Config([]byte(set), []byte(replaced))
		if err == nil && !json.Valid(got) {
			t.Errorf("set %q over %q: got %q, want JSON", set, replaced, got)
		}
	})
}

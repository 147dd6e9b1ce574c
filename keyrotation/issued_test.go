package keyrotation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// documents is a store of documents without any trouble.
type documents map[string]string

func (d documents) Read(_ context.Context, name string) (store.Document, error) {
	text, ok := d[name]
	if !ok {
		return store.Document{}, store.ErrNotFound
	}
	return store.Document{Data: []byte(text), Version: 1}, nil
}

func (d documents) Write(context.Context, string, []byte, int64) (int64, error) {
	return 0, store.ErrUnavailable
}

func (d documents) Delete(context.Context, string) error { return store.ErrUnavailable }

func TestAMinterReadsTheValueOfTheActiveKey(t *testing.T) {
	s := issued(t)
	ring := s.store.ring()
	active, _ := ring.Active()
	got, err := ask(s, func(r *keyrotation.Rotator, ctx context.Context) (keyrotation.IssuedKey, error) {
		return keyrotation.ReadIssued(ctx, r.Documents, active)
	})
	if err != nil || got.ID != active.KeyID || !s.platform.honours(got.ID, string(got.Value)) {
		t.Errorf("ReadIssued = %v, %v, want the value that the platform accepts", got, err)
	}
}

func TestAValueIsReadWholeOrNotAtAll(t *testing.T) {
	k := keyrotation.Key{Generation: 3, StoreName: "kstore03", KeyID: "id3", Issued: true}
	for name, tt := range map[string]struct {
		text string
		want string
	}{
		"good":                    {`{"key_id":"id3","value":"c2VjcmV0"}`, "secret"},
		"of a newer version":      {`{"key_id":"id3","value":"c2VjcmV0","more":1}`, "secret"},
		"only reserved":           {`{}`, ""},
		"of another key":          {`{"key_id":"id4","value":"c2VjcmV0"}`, ""},
		"without a value":         {`{"key_id":"id3"}`, ""},
		"no JSON":                 {`c2VjcmV0`, ""},
		"no base64":               {`{"key_id":"id3","value":"!secret"}`, ""},
		"cut short":               {`{"key_id":"id3","value":"c2VjcmV0"`, ""},
		"another generation's id": {`{"key_id":"","value":"c2VjcmV0"}`, ""},
	} {
		got, err := keyrotation.ReadIssued(t.Context(), documents{keyrotation.IssuedName("kstore03"): tt.text}, k)
		if string(got.Value) != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: ReadIssued = %q, %v, want %q", name, got.Value, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got the error %v, want one without the document", name, err)
		}
	}
	if _, err := keyrotation.ReadIssued(t.Context(), documents{}, k); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ReadIssued without a document: got error %v, want store.ErrNotFound", err)
	}
	k.KeyID = ""
	if _, err := keyrotation.ReadIssued(t.Context(), documents{keyrotation.IssuedName("kstore03"): `{"value":"c2VjcmV0"}`}, k); err == nil {
		t.Error("got a value without a key id, want an error")
	}
}

func TestAnIssuedKeyNeverShowsItsValue(t *testing.T) {
	k := keyrotation.IssuedKey{ID: "id3", Value: []byte("secret")}
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("issued", "key", k)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("issued", "key", k)
	for _, shown := range []string{string(text), log.String(), fmt.Sprint(k), fmt.Sprintf("%#v %+v %x %s", k, k, k, &k)} {
		for _, secret := range []string{"secret", "c2VjcmV0", "736563726574", "115 101", "0x73"} {
			if strings.Contains(shown, secret) {
				t.Errorf("got the output %s, want one without the value", shown)
			}
		}
	}
}

func TestAnIssuersPolicyNeedsNeitherBitsNorTokens(t *testing.T) {
	policy := simPolicy()
	policy.KeySpec, policy.MaxTTL = keyrotation.KeySpec{Issued: true}, 0
	if err := policy.Validate(); err != nil {
		t.Error(err)
	}
	policy.MaxTTL = -1
	if policy.Validate() == nil {
		t.Error("got no error for a negative longest lifetime, want one")
	}
	s := issued(t)
	s.acts.rotator.Policy.KeySpec = keyrotation.KeySpec{Kind: store.RSA2048}
	if err := s.pass(); err == nil || !strings.Contains(err.Error(), "go together") {
		t.Errorf("got error %v for an issuer with a policy for key pairs, want one that they go together", err)
	}
}

func TestANameAtTheIssuerIsNeverUsedTwice(t *testing.T) {
	s := issued(t)
	backup := s.store.docs[keyrotation.RingName("default")]
	s.must(s.live(interval + time.Minute))
	newest := s.key(3)
	s.restore(backup) // which does not know generation 3
	s.must(s.live(interval))
	if again := s.key(3); again.Name == newest.Name || len(again.Name) > 50 || !strings.Contains(again.Name, again.StoreName) {
		t.Errorf("generation 3 was named %q and is %q, want another name with its store name", newest.Name, again.Name)
	}
	if len(s.named(newest.Name)) != 1 {
		t.Errorf("key %q was deleted, want it left alone: the ring does not know it", newest.Name)
	}
}

func TestRevokeOfAnIssuedKeyDeletesItAtThePlatformFirst(t *testing.T) {
	s := issued(t)
	k := s.lose(1)
	s.as("")
	got, err := s.revoke(1)
	s.must(err)
	if want := (keyrotation.Revocation{Revoked: 1, ActiveGeneration: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if theirs, ours := slices.Index(s.calls, "delete"), slices.Index(s.calls, "forget"); theirs < 0 || theirs > ours {
		t.Errorf("got the calls %v, want the platform's deletion before that of the value", s.calls)
	}
	s.gone(k)
	s.want("1 deleted, 2 active, 3 registered")
	s.recovers()
}

func TestRevokeOfAnIssuedKeyDestroysItsValueThoughThePlatformIsDown(t *testing.T) {
	s := issued(t)
	k := s.lose(1)
	s.always("delete", fate{err: errLost})
	got, err := s.revoke(1)
	s.mustFail(err, errLost)
	if _, held := s.store.value(k); held || got.ActiveGeneration != 2 || s.key(1).State != keyrotation.Revoking {
		t.Errorf("got %+v, value held: %t, keys %s; want generation 2 active and no value", got, held, s.states())
	}
	s.as("")
	s.must(s.passBy(s.fresh))
	s.gone(k)
	s.recovers()
}

func TestRevokeSaysThatTheValueIsLeft(t *testing.T) {
	s := issued(t)
	s.lose(1)
	s.always("forget", fate{err: errLost})
	_, err := s.revoke(1)
	s.mustFail(err, errLost)
	s.recovers()
}

func TestRevokeOfAnIssuedKeyInEveryOtherState(t *testing.T) {
	t.Parallel()
	stopped := func(op string, f fate) func(*testing.T) *stage {
		return func(t *testing.T) *stage {
			s := unissued(t, op, f)
			s.pass()
			s.as("")
			return s
		}
	}
	for _, tt := range []struct {
		name string
		set  func(*testing.T) *stage
		key  int
		want string
	}{
		{"standby", issued, 2, "1 active, 2 deleted, 3 registered"},
		{"retiring", issuedRotated, 1, "1 deleted, 2 active, 3 registered"},
		{"planned, with a document", stopped("keep", fate{happens: 1, dies: true}), 3, "1 retiring, 2 active, 3 deleted, 4 registered"},
		{"generated", stopped("issue", fate{err: keyrotation.ErrThrottled}), 3, "1 retiring, 2 active, 3 revoking"},
		{"asked for, never arrived", stopped("issue", fate{dies: true}), 3, "1 retiring, 2 active, 3 revoking, 4 registered"},
		{"asked for, the response lost", stopped("issue", fate{happens: 1, dies: true}), 3, "1 retiring, 2 active, 3 deleted, 4 registered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.set(t)
			k := s.lose(tt.key)
			_, err := s.revoke(tt.key)
			s.must(err)
			s.want(tt.want)
			s.gone(k)
			s.recovers()
			s.gone(s.key(tt.key))
		})
	}
}

func TestARingOfIssuedKeysIsReadAsItWasWritten(t *testing.T) {
	scene := issuedScene(genKey(1, keyrotation.Retiring), genKey(2, keyrotation.Active), genKey(3, keyrotation.Registered))
	text := encode(t, scene.ring)
	ring, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, ring); again != text || !ring.Keys[1].Issued || !ring.Spec.Issued {
		t.Errorf("written again:\n%s\n%s", text, again)
	}
	if plain := encode(t, sceneOf(genKey(1, keyrotation.Active)).ring); strings.Contains(plain, "issued") {
		t.Errorf("got the ring %s, want it without the member issued, as older versions expect", plain)
	}
	ring.Keys[1].Issued = false
	if _, err := decode(encode(t, ring)); err == nil {
		t.Error("got no error for an active key without a public key, want one")
	}
}

func FuzzIssuedDocument(f *testing.F) {
	for _, text := range []string{`{}`, `{"key_id":"id3","value":"c2VjcmV0"}`, `{"key_id":"id4","value":"AA=="}`, `[]`, `{"value":1}`} {
		f.Add([]byte(text))
	}
	k := keyrotation.Key{Generation: 3, StoreName: "kstore03", KeyID: "id3", Issued: true}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := keyrotation.ReadIssued(t.Context(), documents{keyrotation.IssuedName(k.StoreName): string(data)}, k)
		if (err == nil) != (got.ID == k.KeyID && len(got.Value) > 0) || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ReadIssued = %v, %v, want the key with its value, or store.ErrNotFound", got, err)
		}
	})
}

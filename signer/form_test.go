package signer_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

// form signs the video and the end under a scheme for each kind of key.
type form struct{ schemes map[store.Kind]signer.Scheme }

func (f form) Statement(req signer.Request, kind store.Kind, _, expires time.Time) (signer.Statement, error) {
	if req.VideoID == "bad" {
		return signer.Statement{}, signer.ErrVideo
	}
	return signer.Statement{Scheme: f.schemes[kind], Message: fmt.Appendf(nil, "%s until %d", req.VideoID, expires.Unix())}, nil
}

func (form) Token(s signer.Signed) string {
	return fmt.Sprintf("%s|%s|%x", s.KeyID, s.Statement.Message, s.Signature)
}

func (form) URLs(video, token string) signer.URLs {
	return signer.URLs{HLS: "https://media.example/" + video + "?" + token}
}

func (form) Delivery() signer.Delivery {
	return signer.Delivery{Place: signer.InQuery, Renew: signer.RenewByRequest}
}

// TestTokensOfAFormAreSignedOnceAndVerified: with ECDSA, too, whose signatures differ.
func TestTokensOfAFormAreSignedOnceAndVerified(t *testing.T) {
	t.Parallel()
	for kind, scheme := range map[store.Kind]signer.Scheme{store.RSA2048: signer.RSASHA1, store.ECDSAP256: signer.ECDSASHA256} {
		s := newStore(t)
		private, err := kind.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		key := generation(t, 0, keyrotation.Active)
		key.PublicKey, err = keyrotation.EncodePublicKey(private.Public())
		key.Fingerprint, key.Kind = keyrotation.Fingerprint(key.PublicKey), kind
		if err != nil {
			t.Fatal(err)
		}
		s.hold(t, key)
		s.keys["store_name_0"] = private
		m, done := newMinter(t, s)
		defer done()
		m.Shape, m.Form = nil, form{schemes: map[store.Kind]signer.Scheme{kind: scheme}}
		first, err1 := m.Mint(t.Context(), signer.Request{VideoID: "film"})
		_, err2 := m.Mint(t.Context(), signer.Request{VideoID: "film"})
		message := fmt.Sprintf("film until %d", first.ExpiresAt.Unix())
		var value []byte
		if _, err := fmt.Sscanf(first.Value, "key-0|"+message+"|%x", &value); err1 != nil || err2 != nil || err != nil {
			t.Fatalf("%s: got %+v, %v, %v, %v, want a token of key-0 over %q", kind, first, err1, err2, err, message)
		}
		if err := scheme.Verify(private.Public(), scheme.Input([]byte(message)), value); err != nil {
			t.Errorf("%s: got %v, want the signature of the message", kind, err)
		}
		if first.KeyID != "key-0" || first.URLs.HLS != "https://media.example/film?"+first.Value || first.Delivery.Place != signer.InQuery {
			t.Errorf("%s: got %+v, want key id, URL and delivery of the form", kind, first)
		}
	}
}

// TestEqualStatementsShareASignature: of ECDSA any two would differ.
func TestEqualStatementsShareASignature(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakeStore, m *signer.ShapeMinter) {
		private, err := store.ECDSAP256.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		key := generation(t, 0, keyrotation.Active)
		if key.PublicKey, err = keyrotation.EncodePublicKey(private.Public()); err != nil {
			t.Fatal(err)
		}
		key.Fingerprint, key.Kind = keyrotation.Fingerprint(key.PublicKey), store.ECDSAP256
		s.hold(t, key)
		s.set(func(s *fakeStore) { s.keys["store_name_0"] = private })
		m.Shape, m.Form = nil, form{schemes: map[store.Kind]signer.Scheme{store.ECDSAP256: signer.ECDSASHA1}}
		one, err1 := m.Mint(t.Context(), signer.Request{VideoID: "film"})
		two, err2 := m.Mint(t.Context(), signer.Request{VideoID: "film"})
		if err1 != nil || err2 != nil || one.Value != two.Value || s.signatures.Load() != 1 {
			t.Errorf("got %q, %q (%v, %v) by %d signatures, want one token by one", one.Value, two.Value, err1, err2, s.signatures.Load())
		}
	})
}

func TestAFormThatCannotBeSignedMakesNoToken(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	m, done := newMinter(t, s)
	defer done()
	m.Shape, m.Form = nil, form{}
	if got, err := m.Mint(t.Context(), signer.Request{VideoID: "film"}); err == nil || got.Value != "" || s.signatures.Load() != 0 {
		t.Errorf("a scheme that does not fit: got %+v, %v, want an error and no signature", got, err)
	}
	if _, err := m.Mint(t.Context(), signer.Request{VideoID: "bad"}); !errors.Is(err, signer.ErrVideo) {
		t.Errorf("a statement that is refused: got %v, want %v", err, signer.ErrVideo)
	}
	s.keys["store_name_0"] = pairs()[1]
	m.Form = form{schemes: map[store.Kind]signer.Scheme{store.RSA2048: signer.RS256}}
	if got, err := m.Mint(t.Context(), signer.Request{VideoID: "film"}); !errors.Is(err, signer.ErrUnavailable) || got.Value != "" {
		t.Errorf("the key of the store is another one: got %+v, %v, want no token", got, err)
	}
}

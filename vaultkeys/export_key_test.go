package vaultkeys_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/standin"
	"playtoken/platforms/vidbeo"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

func TestAnExportedKeySignsAsVaultDoes(t *testing.T) {
	s := open(t, on(t, vaulttest.Shared(t)))
	for _, kind := range []store.Kind{store.RSA2048, store.RSA3072, store.ECDSAP256, store.ECDSAP384, store.Ed25519} {
		name, scheme := storetest.ID(), signer.JWTScheme(kind)
		made, err := s.Create(t.Context(), name, store.KeySpec{Kind: kind, Exportable: true})
		if err != nil {
			t.Fatal(err)
		}
		public, err := keyrotation.ParsePublicKey(made.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		key, err := s.Export(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		input := scheme.Input([]byte("film"))
		if got, err := scheme.Sign(key, input); err != nil || scheme.Verify(public, input, got) != nil {
			t.Errorf("%s: it signs otherwise than Vault (%v)", kind, err)
		}
	}
}

func TestOnlyExportableKeysThatAreThereAreExported(t *testing.T) {
	s := open(t, on(t, vaulttest.Shared(t)))
	stays, goes := storetest.ID(), storetest.ID()
	for name, exportable := range map[string]bool{stays: false, goes: true} {
		if _, err := s.Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048, Exportable: exportable}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Export(t.Context(), goes); err != nil {
		t.Errorf("Export of an exportable key = %v, want success", err)
	}
	if key, err := s.Export(t.Context(), stays); err == nil || key != nil || errors.Is(err, signer.ErrKeyGone) {
		t.Errorf("Export of a key that is not exportable = %v, want an error other than ErrKeyGone", err)
	}
	if err := s.Destroy(t.Context(), goes); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{goes, storetest.ID()} {
		if _, err := s.Export(t.Context(), name); !errors.Is(err, signer.ErrKeyGone) {
			t.Errorf("Export of a key that does not exist = %v, want ErrKeyGone", err)
		}
	}
	if _, err := s.Export(t.Context(), "../../sys/seal"); err == nil {
		t.Error("Export accepted an invalid name, want an error")
	}
}

func TestExportErrorsDoNotRevealTheKey(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		text, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
		return string(text)
	}
	der := x509.MarshalPKCS1PrivateKey(private)
	canary := "MIIE" // every key of 2048 bits begins with it in base64
	good := block("RSA PRIVATE KEY", der)
	if !strings.Contains(good, canary) {
		t.Fatal("the canary is not in the key")
	}
	for name, c := range map[string]struct {
		status int
		body   string
		fine   bool
	}{
		"the positive control": {200, `{"data":{"keys":{"1":` + good + `}}}`, true},
		"another version":      {200, `{"data":{"keys":{"2":` + good + `}}}`, false},
		"another kind":         {200, `{"data":{"keys":{"1":` + block("EC PRIVATE KEY", der) + `}}}`, false},
		"cut off":              {200, `{"data":{"keys":{"1":` + block("RSA PRIVATE KEY", der[:len(der)-20]) + `}}}`, false},
		"no string":            {200, `{"data":{"keys":{"1":{"a":` + good + `}}}}`, false},
		"no object":            {200, `{"data":` + good + `}`, false},
		"no JSON":              {200, `{"data":{"keys":{"1":` + good + `}}`, false},
		"nothing":              {200, ``, false},
		"in the wrong place":   {200, `{"keys":{"1":` + good + `}}`, false},
		"with a failure":       {500, `{"data":{"keys":{"1":` + good + `}}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := openFake(t, func(r *http.Request) (*http.Response, error) { return answer(r, c.status, c.body), nil })
			key, err := s.Export(t.Context(), storetest.ID())
			if c.fine {
				if err != nil || !private.Equal(key) {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, signer.ErrUnavailable) || key != nil {
				t.Errorf("Export = %v, want unavailable and no key", err)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("Export = %v, want an error without the key", err)
			}
		})
	}
}

// memoryMinter signs in memory for a project whose first key is active.
func memoryMinter(t *testing.T, s *vaultkeys.Store, policy keyrotation.Policy, log *slog.Logger) *signer.ShapeMinter {
	t.Helper()
	rotator := &keyrotation.Rotator{Project: "default", Documents: s, Keys: s, Platform: standin.New(standin.Options{}),
		StoreTime: s.Now, Policy: policy, Log: log}
	for range 2 {
		if _, err := rotator.Reconcile(t.Context(), keyrotation.Order{}); err != nil {
			t.Fatal(err)
		}
	}
	platform, err := vidbeo.New(vidbeo.Config{Credential: secret.New("unused")})
	if err != nil {
		t.Fatal(err)
	}
	memory := signer.NewMemory(s, log)
	t.Cleanup(memory.Close)
	signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: memory, InMemory: memory.Holds, Remembered: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signatures.Close)
	view := memory.RingView(s, "default")
	t.Cleanup(view.Close)
	return &signer.ShapeMinter{Ring: view, Signatures: signatures, Shape: platform,
		Policy: signer.Policy{DefaultTTL: time.Minute, MaxTTL: time.Hour}}
}

func TestMintingContinuesWhileVaultIsDown(t *testing.T) {
	server := ownVault(t)
	s := open(t, on(t, server))
	loaded := make(lines, 100)
	m := memoryMinter(t, s, keyrotation.Policy{
		RotateEvery: time.Hour, ObserveEvery: time.Hour, MaxTTL: time.Minute, KeyBudget: 10,
		Durations: keyrotation.Durations{ViewAge: 200 * time.Millisecond, Staleness: 10 * time.Minute, Skew: time.Minute, Settle: 10 * time.Second},
		KeySpec:   keyrotation.KeySpec{Kind: store.RSA2048, Exportable: true},
	}, slog.New(slog.NewTextHandler(loaded, nil)))
	loaded.await(t, "loaded into memory", 2) // the active one and its standby
	mint := func(n int) error {
		_, err := m.Mint(t.Context(), signer.Request{VideoID: fmt.Sprintf("video%d", n)})
		return err
	}
	if err := mint(0); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	for began, n := time.Now(), 1; time.Since(began) < time.Second; n++ { // many ages of a view
		if err := mint(n); err != nil {
			t.Fatalf("token %d, %s after Vault died: %v", n, time.Since(began), err)
		}
	}
	if err := m.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v while Vault is down, want success", err)
	}
	server.Restart()
	revoke(t, s)
	for { // the view reads the ring again within its age plus the pause after a failure
		token, err := m.Mint(t.Context(), signer.Request{VideoID: fmt.Sprintf("after%d", time.Now().UnixNano())})
		if err == nil && token.KeyID != keyOf(t, s, 1).KeyID {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("no token by the new key before the end of the test, want one once Vault is up")
		}
	}
}

func keyOf(t *testing.T, s *vaultkeys.Store, generation int) keyrotation.Key {
	t.Helper()
	doc, err := s.Read(t.Context(), keyrotation.RingName("default"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyrotation.DecodeRing(doc)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := ring.Key(generation)
	return k
}

// revoke makes generation 2 the active one, by nothing but the ring.
func revoke(t *testing.T, s *vaultkeys.Store) {
	t.Helper()
	doc, err := s.Read(t.Context(), keyrotation.RingName("default"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyrotation.DecodeRing(doc)
	if err != nil {
		t.Fatal(err)
	}
	ring.Keys[0].State, ring.Keys[1].State = keyrotation.Revoking, keyrotation.Active
	data, err := ring.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), keyrotation.RingName("default"), data, doc.Version); err != nil {
		t.Fatal(err)
	}
}

// lines is a log that tests wait for.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

func (l lines) await(t *testing.T, text string, n int) {
	t.Helper()
	for n > 0 {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				n--
			}
		case <-t.Context().Done():
			t.Fatalf("no line with %q in the log, want one", text)
		}
	}
}

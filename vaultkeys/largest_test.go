package vaultkeys_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// entryLimit is what Integrated Storage takes as one entry (max_entry_size), and Vault
// as one string of JSON, unless they are configured.
const entryLimit = 1 << 20

// TestTheLongestDocumentsFitIntoAnEntry: of any content. A byte more is refused before
// it is sent.
func TestTheLongestDocumentsFitIntoAnEntry(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	var longest atomic.Int64
	t.Cleanup(config.Transport.(*http.Transport).CloseIdleConnections)
	config.Transport = measure(config.Transport, &longest)
	s := open(t, config)
	const most = 512 << 10
	random := make([]byte, most)
	rand.Read(random) // never fails
	for what, data := range map[string][]byte{
		"letters": bytes.Repeat([]byte("a"), most), "quotes": bytes.Repeat([]byte(`"`), most), "HTML": bytes.Repeat([]byte("<"), most),
		"control characters": bytes.Repeat([]byte{1}, most), "a line separator": bytes.Repeat([]byte("\u2028"), most/3), "not UTF-8": random,
	} {
		name := "test/" + storetest.ID()
		if _, err := s.Write(t.Context(), name, data, 0); err != nil {
			t.Errorf("%s: got %v, want it written", what, err)
		}
		if doc, err := s.Read(t.Context(), name); err != nil || !bytes.Equal(doc.Data, data) {
			t.Errorf("%s: read %d bytes, %v, want what was written", what, len(doc.Data), err)
		}
		if _, err := s.Write(t.Context(), name, append(data, "aaa"...), 1); err == nil || !strings.Contains(err.Error(), "at most 524288") {
			t.Errorf("%s and a byte more: got %v, want it refused", what, err)
		}
	}
	t.Logf("longest request: %d bytes", longest.Load())
	if longest.Load() > entryLimit*3/4 {
		t.Errorf("longest request: got %d bytes, want a quarter of %d to spare", longest.Load(), entryLimit)
	}
}

// measure notes the length of the longest request.
func measure(base http.RoundTripper, longest *atomic.Int64) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if r.Body == nil {
			return base.RoundTrip(r)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		longest.Store(max(longest.Load(), int64(len(body))))
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		return base.RoundTrip(r)
	}
}

// fullRing has as many generations as the default key budget and the memory of
// deleted keys allow, with everything that may be written about a key.
func fullRing(t *testing.T, live, deleted int) keyrotation.Ring {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		t.Fatal(err)
	}
	public, err := keyrotation.EncodePublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)
	ring := keyrotation.Ring{Project: "prj_" + strings.Repeat("a", 16), StoreID: strings.Repeat("b", 16)}
	for i := range live + deleted {
		k := keyrotation.Key{
			Generation: 100_000 + i, State: keyrotation.Retiring, StoreName: storetest.ID(), Name: strings.Repeat("n", 100), KeyID: strings.Repeat("k", 100),
			Fingerprint: strings.Repeat("f", 64), PublicKey: public, Kind: store.RSA4096, MaxTTL: 24 * time.Hour,
			CreatedAt: at, AttemptAt: at, RegisteredAt: at, ActivatedAt: at, RetiredAt: at, DeleteNotBefore: at, DoubtedAt: at,
			WithdrawnAt: at, DestroyedAt: at, DeletedAt: at, SessionsEndedAt: at, ConfirmedAt: at, Note: strings.Repeat("<", 200),
		}
		if i >= live {
			k.State, k.PublicKey = keyrotation.Deleted, ""
		}
		ring.Keys = append(ring.Keys, k)
	}
	return ring
}

func TestTheLargestRingStaysFarBelowWhatAVaultTakes(t *testing.T) {
	ring := fullRing(t, 10, 50)
	data, err := ring.Encode()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a ring of 60 generations: %d bytes", len(data))
	if len(data) > 192<<10 {
		t.Errorf("a ring of 60 generations: got %d bytes, want 192 KiB at most", len(data))
	}
	s, name := open(t, on(t, vaulttest.Shared(t))), keyrotation.RingName(storetest.ID())
	if _, err := s.Write(t.Context(), name, data, 0); err != nil {
		t.Fatal(err)
	}
	if doc, err := s.Read(t.Context(), name); err != nil || !bytes.Equal(doc.Data, data) {
		t.Errorf("read: got %d bytes, %v, want what was written", len(doc.Data), err)
	}
	more := fullRing(t, 110, 50)
	if data, err = more.Encode(); err != nil || len(data) > 512<<10 {
		t.Errorf("a ring with a key budget of 110: got %d bytes, %v, want it to fit", len(data), err)
	}
}

// TestSettingsOfTheMountThatAnOperatorMayChoose: more versions, versions that end, and
// no need of check-and-set change nothing for a reader and a writer. A document that
// Vault has deleted by itself is one that does not exist.
func TestSettingsOfTheMountThatAnOperatorMayChoose(t *testing.T) {
	server := vaulttest.Shared(t)
	for what, settings := range map[string]map[string]any{
		"one version": {"max_versions": 1, "cas_required": true}, "many versions": {"max_versions": 100},
		"check-and-set required": {"cas_required": true}, "versions that end": {"delete_version_after": "1h"},
	} {
		t.Run(what, func(t *testing.T) {
			config := on(t, server)
			write(t, root(t, server), config.KV+"/config", settings)
			storetest.RunDocuments(t, func(t *testing.T) store.Documents { return open(t, config) })
		})
	}
}

func TestADocumentThatVaultDeletedCanBeWrittenAgain(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	s, name := open(t, config), "test/"+storetest.ID()
	write(t, root(t, server), config.KV+"/config", map[string]any{"delete_version_after": "1s"})
	if _, err := s.Write(t.Context(), name, []byte("a"), 0); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) { // Vault's clock is its own
		_, err := s.Read(t.Context(), name)
		if err != nil {
			want := fmt.Sprint(store.ErrNotFound)
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Read: got %v, want %s", err, want)
			}
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("got a document of a second after a minute, want none")
		}
	}
	if version, err := s.Write(t.Context(), name, []byte("b"), 0); err != nil || version != 2 {
		t.Errorf("Write: got version %d, %v, want the second", version, err)
	}
}

// TestEveryRequestIsInTheNamespace but those of the cluster, which have none. Only
// Vault Enterprise and OpenBao have namespaces, so that this shows what is sent.
func TestEveryRequestIsInTheNamespace(t *testing.T) {
	for _, op := range operations {
		var requests, named atomic.Int32
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			requests.Add(1)
			if r.Header.Get("X-Vault-Namespace") == "team/a" {
				named.Add(1)
			}
			return answer(r, 503, `{"errors":["sealed"]}`), nil
		})
		config := vaultkeys.Config{Address: "http://vault.test:8200", Namespace: "team/a", Token: secret.New(token), Transit: "transit-a", KV: "kv-a", Transport: transport}
		_ = op.do(t.Context(), open(t, config)) // the response is the same for all
		cluster := op.name == "Now" || op.name == "Clock"
		if requests.Load() == 0 || cluster != (named.Load() == 0) || !cluster && named.Load() != requests.Load() {
			t.Errorf("%s: got %d of %d requests in the namespace, want all, but none for the clock", op.name, named.Load(), requests.Load())
		}
	}
}

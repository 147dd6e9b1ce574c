package storetest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
	"playtoken/store/storetest"
)

// memory is a store that keeps every promise but the one named by bug.
type memory struct {
	mu   sync.Mutex
	bug  string
	docs map[string]store.Document
	keys map[string]*key
	last map[string]*key // destroyed
}

type key struct {
	private crypto.Signer
	stored  store.KeyInfo
}

func newMemory(bug string) *memory {
	return &memory{bug: bug, docs: map[string]store.Document{}, keys: map[string]*key{}, last: map[string]*key{}}
}

var (
	keyName      = regexp.MustCompile(`^[a-z0-9_]{7,40}$`)
	documentName = regexp.MustCompile(`^[a-z]+/[a-z0-9_]{7,40}$`)
)

func (m *memory) begin(ctx context.Context, pattern *regexp.Regexp, name string) (func(), error) {
	if !pattern.MatchString(name) && m.bug != "takes any name" {
		return nil, errors.New("bad name")
	}
	if err := ctx.Err(); err != nil && m.bug != "goes on when cancelled" {
		return nil, err
	}
	m.mu.Lock()
	return m.mu.Unlock, nil
}

func (m *memory) Read(ctx context.Context, name string) (store.Document, error) {
	end, err := m.begin(ctx, documentName, name)
	if err != nil {
		return store.Document{}, err
	}
	defer runtime.Gosched() // a write by another goroutine comes after this read
	defer end()
	doc, ok := m.docs[name]
	if !ok {
		return store.Document{}, store.ErrNotFound
	}
	if m.bug != "shares its memory" {
		doc.Data = bytes.Clone(doc.Data)
	}
	return doc, nil
}

func (m *memory) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	end, err := m.begin(ctx, documentName, name)
	if err != nil {
		return 0, err
	}
	defer end()
	old := m.docs[name].Version
	if old != version && m.bug != "overwrites" {
		if m.bug == "overwrites and says conflict" {
			m.docs[name] = store.Document{Data: bytes.Clone(data), Version: old + 1}
		}
		return 0, store.ErrConflict
	}
	if m.bug == "text only" {
		data = []byte(strings.ToValidUTF8(string(data), "?"))
	}
	m.docs[name] = store.Document{Data: bytes.Clone(data), Version: old + 1}
	return old + 1, nil
}

func (m *memory) Delete(ctx context.Context, name string) error {
	end, err := m.begin(ctx, documentName, name)
	if err != nil {
		return err
	}
	defer end()
	doc, ok := m.docs[name]
	switch {
	case !ok && m.bug == "deletes once":
		return store.ErrNotFound
	case ok && m.bug == "deletes softly":
		m.docs[name] = store.Document{Version: doc.Version + 1}
	case ok && m.bug == "brings documents back":
		m.docs[name] = store.Document{Data: []byte("old")}
	case m.bug != "forgets to delete":
		delete(m.docs, name)
	}
	return nil
}

func (m *memory) Create(ctx context.Context, name string, spec store.KeySpec) (store.KeyInfo, error) {
	end, err := m.begin(ctx, keyName, name)
	if err != nil {
		return store.KeyInfo{}, err
	}
	defer end()
	if k, ok := m.keys[name]; ok && m.bug != "makes a key each time" {
		return k.stored, nil
	}
	if k, ok := m.last[name]; ok && m.bug == "brings keys back" {
		m.keys[name] = k
		return k.stored, nil
	}
	if m.bug == "makes any kind" && !spec.Kind.Known() {
		spec.Kind = store.ECDSAP256
	}
	private, err := spec.Kind.NewKey()
	if err != nil {
		return store.KeyInfo{}, err
	}
	public, err := keyrotation.EncodePublicKey(private.Public())
	k := &key{private, store.KeyInfo{Spec: spec, PublicKey: public, Versions: 1}}
	m.keys[name] = k
	return k.stored, err
}

func (m *memory) Describe(ctx context.Context, name string) (store.KeyInfo, error) {
	end, err := m.begin(ctx, keyName, name)
	if err != nil {
		return store.KeyInfo{}, err
	}
	defer end()
	if k, ok := m.keys[name]; ok {
		return k.stored, nil
	}
	return store.KeyInfo{}, store.ErrNotFound
}

func (m *memory) Destroy(ctx context.Context, name string) error {
	end, err := m.begin(ctx, keyName, name)
	if err != nil {
		return err
	}
	defer end()
	if k, ok := m.keys[name]; ok {
		m.last[name] = k
		delete(m.keys, name)
	}
	return nil
}

func (m *memory) Sign(ctx context.Context, name string, scheme signer.Scheme, input []byte) (signature signer.Signature, err error) {
	end, err := m.begin(ctx, keyName, name)
	if err != nil {
		return signature, err
	}
	defer end()
	k, ok := m.keys[name]
	if !ok && m.bug == "signs with destroyed keys" {
		k, ok = m.last[name]
	}
	if !ok {
		return signature, signer.ErrKeyGone
	}
	pair, isRSA := k.private.(*rsa.PrivateKey)
	switch {
	case m.bug == "signs with PSS" && isRSA:
		signature.Value, err = rsa.SignPSS(rand.Reader, pair, scheme.Hash(), input, nil)
		return signature, err
	case m.bug == "writes every ECDSA signature in DER" && scheme == signer.ES256:
		scheme = signer.ECDSASHA256
	}
	signature.Value, err = scheme.Sign(k.private, input)
	return signature, err
}

func (m *memory) Now(context.Context) (time.Time, error) {
	if m.bug == "has no clock" {
		return time.Time{}, nil
	}
	return time.Now(), nil
}

const bugVariable = "PLAYTOKEN_TEST_STORE_BUG"

func TestRightStorePasses(t *testing.T) {
	m := newMemory(os.Getenv(bugVariable))
	storetest.Run(t, func(t *testing.T) storetest.Store {
		if m.bug == "leaves something running" {
			go func() { select {} }()
		}
		return m
	})
}

// TestWrongStoreFails runs the test above again, in a process of its own, for
// every promise that a store can break.
func TestWrongStoreFails(t *testing.T) {
	for bug, promise := range map[string]string{
		"takes any name":                      "BadDocumentNamesAreRefused",
		"goes on when cancelled":              "CancelledDocumentCallsSaySo",
		"shares its memory":                   "DocumentsComeBackAsWritten",
		"text only":                           "DocumentsComeBackAsWritten",
		"overwrites":                          "WritersLoseNoUpdate",
		"overwrites and says conflict":        "ConflictWritesNothing",
		"forgets to delete":                   "InterruptedDeleteIsAllOrNothing",
		"deletes once":                        "DeletedDocumentIsGoneForEveryHandle",
		"deletes softly":                      "DeletedDocumentIsGoneForEveryHandle",
		"brings documents back":               "DeletedDocumentIsNotWrittenTo",
		"makes a key each time":               "CreatingTwiceMakesOneKey",
		"makes any kind":                      "UnusableSpecMakesNoKey",
		"brings keys back":                    "DestroyedKeyNeverComesBack",
		"signs with destroyed keys":           "DestroyedKeySignsNowhere",
		"signs with PSS":                      "SignaturesVerify",
		"writes every ECDSA signature in DER": "SignaturesVerify",
		"has no clock":                        "ClockTellsTheTime",
		"leaves something running":            "NothingIsLeftRunning",
	} {
		t.Run(bug, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestRightStorePasses$/^"+promise+"$")
			cmd.Env = append(os.Environ(), bugVariable+"="+bug)
			out, err := cmd.CombinedOutput()
			if failed := fmt.Sprintf("--- FAIL: TestRightStorePasses/%s ", promise); err == nil || !strings.Contains(string(out), failed) {
				t.Errorf("a store that %s passes %s (%v):\n%s", bug, promise, err, out)
			}
		})
	}
}

func TestMemoryKeepsThePromisesOfDocuments(t *testing.T) {
	m := storetest.NewMemory()
	storetest.RunDocuments(t, func(*testing.T) store.Documents { return m })
}

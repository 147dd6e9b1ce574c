package signer_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"playtoken/signer"
)

// onGoroutine signs with a fakeStore's keys, and records whose goroutine did.
type onGoroutine struct {
	*fakeStore
	stacks chan string
	panics bool
}

func (o *onGoroutine) Sign(ctx context.Context, name string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	stack := make([]byte, 64<<10)
	o.stacks <- string(stack[:runtime.Stack(stack, false)])
	signature, err := o.fakeStore.Sign(ctx, name, scheme, input)
	if o.panics {
		panic("made by the test")
	}
	return signature, err
}

// inMemoryBubble runs a test in a bubble of fake time, whose signatures take a
// second and are made with keys that are in memory or not.
func inMemoryBubble(t *testing.T, inMemory bool, test func(*testing.T, *onGoroutine, *signer.ShapeMinter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		keys := &onGoroutine{fakeStore: newStore(t), stacks: make(chan string, 10)}
		signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: keys, Remembered: 16, InMemory: func(string) bool { return inMemory }})
		if err != nil {
			t.Fatal(err)
		}
		defer signatures.Close()
		view := signer.NewRingView(keys.fakeStore, "default")
		defer view.Close()
		m := &signer.ShapeMinter{Ring: view, Signatures: signatures, Shape: shape{}, Policy: policy}
		m.Ready(t.Context())
		keys.set(func(s *fakeStore) { s.delay = signatureTime })
		test(t, keys, m)
	})
}

const signatureTime = viewAge / 10

// TestASignatureInMemoryNeedsNoGoroutine: starting one and waking the caller costs
// more than the rest of a mint's sharing.
func TestASignatureInMemoryNeedsNoGoroutine(t *testing.T) {
	for _, inMemory := range []bool{true, false} {
		inMemoryBubble(t, inMemory, func(t *testing.T, keys *onGoroutine, m *signer.ShapeMinter) {
			if _, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"}); err != nil {
				t.Fatal(err)
			}
			if own := strings.Contains(<-keys.stacks, ".Mint("); own != inMemory {
				t.Errorf("key in memory %t: got a signature by the caller's goroutine: %t, want %[1]t", inMemory, own)
			}
		})
	}
}

// TestTheCallerWhoSignsStaysUntilAllHaveTheSignature, also when its own caller left:
// the others who wait need it.
func TestTheCallerWhoSignsStaysUntilAllHaveTheSignature(t *testing.T) {
	inMemoryBubble(t, true, func(t *testing.T, keys *onGoroutine, m *signer.ShapeMinter) {
		ctx, leave := context.WithCancel(t.Context())
		answers := make(chan error, 2)
		ask := func(ctx context.Context) {
			_, err := m.Mint(ctx, signer.Request{VideoID: "vid1"})
			answers <- err
		}
		go ask(ctx)
		synctest.Wait()
		go ask(t.Context())
		synctest.Wait()
		leave()
		for range 2 {
			if err := <-answers; err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want a token, or that the caller left", err)
			}
		}
		if n := keys.signatures.Load(); n != 1 || m.Signatures.Shared() != 1 {
			t.Errorf("got %d signatures, %d shared, want 1 and 1", n, m.Signatures.Shared())
		}
	})
}

// TestAPanicOfTheCallerWhoSignsLeavesNoneWaiting: an HTTP server recovers it, and
// goes on.
func TestAPanicOfTheCallerWhoSignsLeavesNoneWaiting(t *testing.T) {
	inMemoryBubble(t, true, func(t *testing.T, keys *onGoroutine, m *signer.ShapeMinter) {
		keys.panics = true
		answers := make(chan error, 1)
		go func() {
			defer func() { recover() }()
			_, _ = m.Mint(t.Context(), signer.Request{VideoID: "vid1"})
		}()
		synctest.Wait()
		go func() {
			_, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"})
			answers <- err
		}()
		if err := <-answers; !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("the caller who waited: got %v, want ErrUnavailable", err)
		}
		keys.panics = false
		if _, err := m.Mint(t.Context(), signer.Request{VideoID: "vid1"}); err != nil {
			t.Errorf("the next mint: got %v, want a token", err)
		}
	})
}

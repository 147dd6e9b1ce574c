package vaultkeys_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/signer"
	"playtoken/vaultkeys"
)

func digest(i int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i))
}

// signAll starts n concurrent callers. It returns once all have begun. Wait waits
// for them and returns their errors.
func signAll(ctx context.Context, t *testing.T, s *vaultkeys.Store, key string, n int) (wait func() []error) {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			signature, err := s.Sign(ctx, key, signer.RS256, digest(i))
			if want := digest(i); err == nil && string(signature.Value) != string(want) {
				t.Errorf("caller %d got the signature of another digest", i)
			}
			errs[i] = err
		})
	}
	synctest.Wait()
	return func() []error { wg.Wait(); return errs }
}

func TestCallersOfOneKeyShareRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		for i, err := range signAll(t.Context(), t, s, "key_one", 1000)() {
			if err != nil {
				t.Fatalf("caller %d: %v", i, err)
			}
		}
		calls, _, most := vault.seen()
		signed, biggest := 0, 0
		for _, call := range calls {
			signed += len(call.Batch)
			biggest = max(biggest, len(call.Batch))
		}
		if signed != 1000 || biggest > 64 || most != 4 {
			t.Errorf("got %d signatures, at most %d in a call, at most %d concurrent calls; want 1000, 64, 4", signed, biggest, most)
		}
		if len(calls) > 50 {
			t.Errorf("got %d calls for 1000 signatures, want 50 at most", len(calls))
		}
	})
}

// A caller waits only while maxCalls calls are in progress, never for further
// callers.
func TestNoCallerWaitsWhileACallIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		start := time.Now()
		wait := signAll(t.Context(), t, s, "key_one", 4)
		if _, n, _ := vault.seen(); n != 4 {
			t.Errorf("got %d calls in progress for 4 callers, want 4", n)
		}
		fifth := signAll(t.Context(), t, s, "key_one", 3)
		if _, n, _ := vault.seen(); n != 4 {
			t.Errorf("got %d calls in progress for 7 callers, want 4", n)
		}
		wait()
		if took := time.Since(start); took != time.Millisecond {
			t.Errorf("the first 4 took %s, want one call's time", took)
		}
		fifth()
		calls, _, _ := vault.seen()
		if took := time.Since(start); took != 4*time.Millisecond || len(calls) != 5 {
			t.Errorf("the next 3 were served after %s in %d calls; want 1ms + 3ms, 1 call", took, len(calls)-4)
		}
	})
}

func TestKeysDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		busy := signAll(t.Context(), t, s, "key_one", 500)
		start := time.Now()
		if err := signAll(t.Context(), t, s, "key_two", 1)()[0]; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Millisecond {
			t.Errorf("the signature of an idle key took %s, want 1ms", took)
		}
		busy()
	})
}

func TestIdleKeysHaveNoQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openFake(t, (&fakeSigner{}).RoundTrip)
		first, second := signAll(t.Context(), t, s, "key_one", 10), signAll(t.Context(), t, s, "key_two", 10)
		if n := s.Queues(); n != 2 {
			t.Errorf("got %d queues, want 2", n)
		}
		first()
		second()
		synctest.Wait()
		if n := s.Queues(); n != 0 {
			t.Errorf("got %d queues after the last signature, want 0", n)
		}
	})
}

func TestARefusedDigestDoesNotAffectOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{refuse: 0xbd}
		s := openFake(t, vault.RoundTrip)
		wait := signAll(t.Context(), t, s, "key_one", 100)
		_, err := s.Sign(t.Context(), "key_one", signer.RS256, append([]byte{0xbd}, make([]byte, 31)...))
		if !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("Sign of the refused digest = %v, want unavailable", err)
		}
		for i, err := range wait() {
			if err != nil {
				t.Errorf("caller %d: Sign = %v, want success", i, err)
			}
		}
	})
}

func TestCallersThatGiveUpDoNotAffectOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		impatient, giveUp := context.WithCancel(t.Context())
		leaving := signAll(impatient, t, s, "key_one", 100)
		staying := signAll(t.Context(), t, s, "key_one", 100)
		start := time.Now()
		giveUp()
		for i, err := range leaving() {
			if !errors.Is(err, context.Canceled) || !errors.Is(err, signer.ErrUnavailable) {
				t.Errorf("caller %d that gave up: Sign = %v, want canceled and unavailable", i, err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the callers returned %s after they gave up, want at once", took)
		}
		for i, err := range staying() {
			if err != nil {
				t.Errorf("caller %d that stayed: Sign = %v, want success", i, err)
			}
		}
		calls, _, _ := vault.seen()
		signed := 0
		for _, call := range calls {
			signed += len(call.Batch)
		}
		if signed != 104 {
			t.Errorf("got %d signatures, want 104: 100 of callers that stayed, 4 that were in progress", signed)
		}
	})
}

func TestCloseEndsAllCallsAndWaitsForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		wait := signAll(t.Context(), t, s, "key_one", 100)
		s.Close()
		if _, n, _ := vault.seen(); n != 0 {
			t.Errorf("got %d calls in progress after Close, want 0", n)
		}
		for i, err := range wait() {
			if !errors.Is(err, signer.ErrUnavailable) {
				t.Errorf("caller %d: Sign = %v, want unavailable", i, err)
			}
		}
		if _, err := s.Sign(t.Context(), "key_one", signer.RS256, digest(1)); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("Sign after Close = %v, want unavailable", err)
		}
	})
}

// Callers that wait behind lost calls time out together with them.
func TestSilentVaultIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openFake(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		for i, err := range signAll(t.Context(), t, s, "key_one", 1000)() {
			if !errors.Is(err, signer.ErrUnavailable) {
				t.Fatalf("caller %d: %v", i, err)
			}
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("the last caller returned after %s, want 5s", took)
		}
	})
}

// The defaults of transit are PSS, DER and the newest version of a key.
func TestASignatureIsAskedForUnderItsScheme(t *testing.T) {
	for scheme, want := range map[signer.Scheme]struct {
		hash, marshaling string
		prehashed        bool
	}{
		signer.RS256:       {"sha2-256", "jws", true},
		signer.ES256:       {"sha2-256", "jws", true},
		signer.ES384:       {"sha2-384", "jws", true},
		signer.EdDSA:       {"sha2-256", "jws", false},
		signer.RSASHA1:     {"sha1", "jws", true},
		signer.ECDSASHA1:   {"sha1", "asn1", true},
		signer.ECDSASHA256: {"sha2-256", "asn1", true},
	} {
		vault := &fakeSigner{standard: want.marshaling == "asn1"}
		s := openFake(t, vault.RoundTrip)
		if _, err := s.Sign(t.Context(), "key_one", scheme, digest(7)); err != nil {
			t.Fatalf("%s: got error %v, want a signature", scheme, err)
		}
		calls, _, _ := vault.seen()
		call := calls[0]
		if call.Path != "/v1/transit-a/sign/key_one/"+want.hash || call.Prehashed != want.prehashed || call.Algorithm != "pkcs1v15" ||
			call.Marshaling != want.marshaling || call.KeyVersion != 1 {
			t.Errorf("%s: the request is %+v, want %+v with version 1 of the key", scheme, call, want)
		}
	}
}

func TestSchemesOfOneKeyShareNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		wait := signAll(t.Context(), t, s, "key_one", 100)
		if _, err := s.Sign(t.Context(), "key_one", signer.RSASHA1, digest(7)); err != nil {
			t.Error(err)
		}
		wait()
		calls, _, _ := vault.seen()
		for _, call := range calls {
			if call.Path == "/v1/transit-a/sign/key_one/sha1" && len(call.Batch) != 1 {
				t.Errorf("got %d inputs in the call for SHA-1, want its own alone", len(call.Batch))
			}
		}
	})
}

func TestSignaturesOfUnknownOriginAreRefused(t *testing.T) {
	const good = `{"signature":"vault:v1:AAAA","key_version":1}`
	for body, fine := range map[string]bool{
		`{"data":{"batch_results":[` + good + `]}}`:                                    true,
		`{"data":{"batch_results":[` + good + `,` + good + `]}}`:                       false,
		`{"data":{"batch_results":[]}}`:                                                false,
		`{"data":{"batch_results":[{}]}}`:                                              false,
		`{"data":{"batch_results":[{"signature":"vault:v2:AAAA","key_version":2}]}}`:   false,
		`{"data":{"batch_results":[{"signature":"vault:v1:AAAA","key_version":2}]}}`:   false,
		`{"data":{"batch_results":[{"signature":"vault:v2:AAAA","key_version":1}]}}`:   false,
		`{"data":{"batch_results":[{"signature":"vault:v1:AA==","key_version":1}]}}`:   false,
		`{"data":{"batch_results":[{"signature":"vault:v1:AB","key_version":1}]}}`:     false,
		`{"data":{"batch_results":[{"signature":"vault:v1:","key_version":1}]}}`:       false,
		`{"data":{"batch_results":[{"signature":"vault:v1:AA\nAA","key_version":1}]}}`: false,
		`{"data":{"batch_results":[{"signature":"AAAA","key_version":1}]}}`:            false,
		`{"data":{"signature":"vault:v1:AAAA","key_version":1}}`:                       false,
		`{"data":null}`: false, `{}`: false, ``: false, `null`: false, `[]`: false, `<html>`: false,
	} {
		s := openFake(t, func(r *http.Request) (*http.Response, error) { return answer(r, 200, body), nil })
		_, err := s.Sign(t.Context(), "key_one", signer.RS256, digest(1))
		if fine && err != nil || !fine && !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("Sign with response %s = %v, want success: %v", body, err, fine)
		}
	}
}

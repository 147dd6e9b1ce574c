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

func digest(i int) (d [32]byte) {
	binary.BigEndian.PutUint64(d[:], uint64(i))
	return d
}

// signAll has n callers sign at once. It returns when they have all begun, and
// a function that waits for them and returns their errors.
func signAll(ctx context.Context, t *testing.T, s *vaultkeys.Store, key string, n int) (wait func() []error) {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			signature, err := s.SignSHA256(ctx, key, digest(i))
			if want := digest(i); err == nil && string(signature) != string(want[:]) {
				t.Errorf("caller %d got another's signature", i)
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
			t.Errorf("%d signatures, at most %d in a call, at most %d calls at once; want 1000, 64, 4", signed, biggest, most)
		}
		if len(calls) > 50 {
			t.Errorf("%d calls for 1000 signatures", len(calls))
		}
	})
}

// A caller waits for calls under way, never for company.
func TestNobodyWaitsWhileACallIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		start := time.Now()
		wait := signAll(t.Context(), t, s, "key_one", 4)
		if _, n, _ := vault.seen(); n != 4 {
			t.Errorf("%d calls under way for 4 callers", n)
		}
		fifth := signAll(t.Context(), t, s, "key_one", 3)
		if _, n, _ := vault.seen(); n != 4 {
			t.Errorf("%d calls under way for 7 callers, want 4", n)
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
			t.Errorf("a key nobody else uses took %s", took)
		}
		busy()
	})
}

func TestNothingIsKeptOfAKeyNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openFake(t, (&fakeSigner{}).RoundTrip)
		first, second := signAll(t.Context(), t, s, "key_one", 10), signAll(t.Context(), t, s, "key_two", 10)
		if n := s.Queues(); n != 2 {
			t.Errorf("%d keys waited for, want 2", n)
		}
		first()
		second()
		synctest.Wait()
		if n := s.Queues(); n != 0 {
			t.Errorf("%d keys waited for by nobody", n)
		}
	})
}

func TestARefusedDigestSpoilsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{refuse: 0xbd}
		s := openFake(t, vault.RoundTrip)
		wait := signAll(t.Context(), t, s, "key_one", 100)
		_, err := s.SignSHA256(t.Context(), "key_one", [32]byte{0xbd})
		if !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("the refused one: %v", err)
		}
		for i, err := range wait() {
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		}
	})
}

func TestCallersThatGiveUpSpoilNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		impatient, giveUp := context.WithCancel(t.Context())
		quitters := signAll(impatient, t, s, "key_one", 100)
		stayers := signAll(t.Context(), t, s, "key_one", 100)
		start := time.Now()
		giveUp()
		for i, err := range quitters() {
			if !errors.Is(err, context.Canceled) || !errors.Is(err, signer.ErrUnavailable) {
				t.Errorf("quitter %d: %v", i, err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("giving up took %s", took)
		}
		for i, err := range stayers() {
			if err != nil {
				t.Errorf("stayer %d: %v", i, err)
			}
		}
		calls, _, _ := vault.seen()
		signed := 0
		for _, call := range calls {
			signed += len(call.Batch)
		}
		if signed != 104 {
			t.Errorf("%d signatures made; want those of 100 who stayed and 4 that were under way", signed)
		}
	})
}

func TestCloseEndsEverythingAndWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := &fakeSigner{}
		s := openFake(t, vault.RoundTrip)
		wait := signAll(t.Context(), t, s, "key_one", 100)
		s.Close()
		if _, n, _ := vault.seen(); n != 0 {
			t.Errorf("%d calls under way after Close", n)
		}
		for i, err := range wait() {
			if !errors.Is(err, signer.ErrUnavailable) {
				t.Errorf("caller %d: %v", i, err)
			}
		}
		if _, err := s.SignSHA256(t.Context(), "key_one", digest(1)); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// Those who wait behind calls that are lost are told when these are.
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
			t.Errorf("the last was told after %s", took)
		}
	})
}

func TestOnlyRS256IsAskedFor(t *testing.T) {
	vault := &fakeSigner{}
	s := openFake(t, vault.RoundTrip)
	if _, err := s.SignSHA256(t.Context(), "key_one", digest(7)); err != nil {
		t.Fatal(err)
	}
	calls, _, _ := vault.seen()
	call := calls[0]
	if call.Path != "/v1/transit-a/sign/key_one/sha2-256" || !call.Prehashed || call.Algorithm != "pkcs1v15" ||
		call.Marshaling != "jws" || call.KeyVersion != 1 {
		t.Errorf("asked for %+v", call)
	}
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
		_, err := s.SignSHA256(t.Context(), "key_one", digest(1))
		if fine && err != nil || !fine && !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

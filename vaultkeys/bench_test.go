package vaultkeys_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"playtoken/signer"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys/vaulttest"
)

// BenchmarkSign compares signing through a Store with callers who each drive
// transit by themselves. The ratio of the two is what counts; both share the
// machine with Vault.
func BenchmarkSign(b *testing.B) {
	server := vaulttest.Shared(b)
	config := on(b, server)
	config.Transport = nil
	s, key := open(b, config), storetest.ID()
	if _, err := s.Create(b.Context(), key, store.KeySpec{Kind: store.RSA2048}); err != nil {
		b.Fatal(err)
	}
	client := server.Client(b)
	client.CloneConfig().HttpClient.Transport.(*http.Transport).MaxIdleConnsPerHost = 256
	path := config.Transit + "/sign/" + key + "/sha2-256"
	directly := func(i int) error {
		_, err := client.Logical().WriteWithContext(b.Context(), path, map[string]any{
			"input": base64.StdEncoding.EncodeToString(digest(i)), "prehashed": true, "key_version": 1,
			"signature_algorithm": "pkcs1v15", "marshaling_algorithm": "jws",
		})
		return err
	}
	shared := func(i int) error {
		_, err := s.Sign(b.Context(), key, signer.RS256, digest(i))
		return err
	}
	for _, callers := range []int{1, 4, 16, 64, 256} {
		b.Run(fmt.Sprintf("directly/callers=%d", callers), func(b *testing.B) { drive(b, callers, directly) })
		b.Run(fmt.Sprintf("shared/callers=%d", callers), func(b *testing.B) { drive(b, callers, shared) })
	}
}

// drive has b.N signatures made by so many callers.
func drive(b *testing.B, callers int, sign func(int) error) {
	var next atomic.Int64
	failed := make(chan error, callers)
	b.ResetTimer()
	for range callers {
		go func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					failed <- nil
					return
				}
				if err := sign(int(i)); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	for range callers {
		if err := <-failed; err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
}

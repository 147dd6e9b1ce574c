package vaultkeys_test

import (
	"fmt"
	"testing"

	"playtoken/signer"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys/vaulttest"
)

// BenchmarkSignKinds signs with a key of each kind through transit, for many callers at
// once, and verifies nothing: a minter does.
func BenchmarkSignKinds(b *testing.B) {
	config := on(b, vaulttest.Shared(b))
	config.Transport = nil
	s := open(b, config)
	for _, kind := range store.Kinds() {
		key, scheme := storetest.ID(), signer.JWTScheme(kind)
		if _, err := s.Create(b.Context(), key, store.KeySpec{Kind: kind}); err != nil {
			b.Fatal(err)
		}
		b.Run(string(kind), func(b *testing.B) {
			drive(b, 64, func(i int) error {
				_, err := s.Sign(b.Context(), key, scheme, scheme.Input(fmt.Append(nil, "token ", i)))
				return err
			})
		})
	}
}

package jwplayer_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"testing"

	"playtoken/signer"
)

func BenchmarkMint(b *testing.B) {
	for name, claims := range map[string]map[string]any{"shared": nil, "alone": {"search": "x"}} {
		b.Run(name, func(b *testing.B) {
			minter := opened(b, full).Minter(policy)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := minter.Mint(b.Context(), signer.Request{VideoID: "nPripu9l", Claims: claims}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBare is the least that a mint costs: two HMACs and five MD5 sums.
func BenchmarkBare(b *testing.B) {
	key, text := []byte(publishedSecret), make([]byte, 150)
	for b.Loop() {
		for range 2 {
			mac := hmac.New(sha256.New, key)
			mac.Write(text)
			mac.Sum(nil)
		}
		for range 5 {
			md5.Sum(text[:60])
		}
	}
}

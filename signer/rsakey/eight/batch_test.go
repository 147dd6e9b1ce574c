package eight

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"sync"
	"testing"
)

var pairs = sync.OnceValue(func() map[int][]*rsa.PrivateKey {
	made := map[int][]*rsa.PrivateKey{}
	for bits, n := range map[int]int{2048: 3, 3072: 1, 4096: 1} {
		for range n {
			pair, _ := rsa.GenerateKey(rand.Reader, bits)
			made[bits] = append(made[bits], pair)
		}
	}
	return made
})

// padded is the message of RSASSA-PKCS1-v1_5 with SHA-256.
func padded(digest [32]byte, size int) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	m := bytes.Repeat([]byte{0xff}, size)
	m[0], m[1] = 0, 1
	at := size - len(prefix) - len(digest)
	m[at-1] = 0
	copy(m[at:], prefix)
	copy(m[at+len(prefix):], digest[:])
	return m
}

func TestSignaturesAreThoseOfTheStandardLibrary(t *testing.T) {
	for name, engine := range arithmetics(t) {
		for bits, of := range pairs() {
			if name == "interpreted" && bits > 2048 {
				continue
			}
			e := newEngine(engine)
			var requests []*Request
			var want [][]byte
			for i := range Lanes {
				pair := of[i%len(of)]
				key, err := NewKey(pair)
				if err != nil {
					t.Fatal(err)
				}
				digest := sha256.Sum256([]byte{byte(i)})
				signature, _ := rsa.SignPKCS1v15(nil, pair, crypto.SHA256, digest[:])
				want = append(want, signature)
				requests = append(requests, &Request{Key: key, Message: padded(digest, bits/8), Signature: make([]byte, bits/8)})
			}
			e.Sign(requests)
			for i, r := range requests {
				if r.Err != nil || !bytes.Equal(r.Signature, want[i]) {
					t.Errorf("%s, %d bits, lane %d: got %x, %v; want %x", name, bits, i, r.Signature, r.Err, want[i])
				}
			}
		}
	}
}

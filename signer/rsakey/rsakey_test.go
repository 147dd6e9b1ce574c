package rsakey_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strconv"
	"sync"
	"testing"

	"playtoken/signer/rsakey"
)

// sizes are the keys that are ever made; each pair is made once.
var sizes = []int{2048, 3072, 4096}

var pairs = sync.OnceValue(func() map[int]*rsa.PrivateKey {
	made := map[int]*rsa.PrivateKey{}
	for _, bits := range sizes {
		made[bits], _ = rsa.GenerateKey(rand.Reader, bits)
	}
	return made
})

// copyOf is a key that shares no memory with another one.
func copyOf(t testing.TB, pair *rsa.PrivateKey) *rsa.PrivateKey {
	t.Helper()
	private, err := x509.ParsePKCS1PrivateKey(x509.MarshalPKCS1PrivateKey(pair))
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func newKey(t testing.TB, pair *rsa.PrivateKey) *rsakey.Key {
	t.Helper()
	key, err := rsakey.New(copyOf(t, pair))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(key.Close)
	return key
}

func randomDigest() (digest [32]byte) {
	rand.Read(digest[:])
	return digest
}

func TestSignaturesAreThoseOfTheStandardLibrary(t *testing.T) {
	t.Logf("signing with %s", rsakey.Library)
	for _, bits := range sizes {
		pair := pairs()[bits]
		key := newKey(t, pair)
		digests := [][32]byte{{}, {0: 0xff, 31: 0xff}}
		for range 2048 * 100 / bits {
			digests = append(digests, randomDigest())
		}
		for _, digest := range digests {
			want, err := rsa.SignPKCS1v15(nil, pair, crypto.SHA256, digest[:])
			if err != nil {
				t.Fatal(err)
			}
			if got, err := key.SignSHA256(digest); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bits, digest %x: %x, %v; want %x", bits, digest, got, err, want)
			}
		}
	}
}

func TestManyMaySignAtOnceWhileTheKeyIsClosed(t *testing.T) {
	pair := pairs()[2048]
	key, digest := newKey(t, pair), randomDigest()
	want, err := rsa.SignPKCS1v15(nil, pair, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signed := make(chan struct{}, 1000)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for {
				got, err := key.SignSHA256(digest)
				if errors.Is(err, rsakey.ErrClosed) {
					return
				}
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("signature: got %x, %v, want that of crypto/rsa", got, err)
					return
				}
				select {
				case signed <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 200 {
		<-signed
	}
	key.Close()
	key.Close() // twice is as good as once
	all.Wait()
}

func TestTheKeyIsTakenOver(t *testing.T) {
	private := copyOf(t, pairs()[2048])
	d, prime := private.D, private.Primes[0]
	key, err := rsakey.New(private)
	if err != nil {
		t.Fatal(err)
	}
	key.Close()
	if private.D != nil || d.Sign() != 0 || prime.Sign() != 0 {
		t.Error("after Close: got the key's numbers, want them wiped")
	}
	if _, err := key.SignSHA256(randomDigest()); !errors.Is(err, rsakey.ErrClosed) {
		t.Errorf("signing with a closed key: got %v, want ErrClosed", err)
	}
}

func TestNumbersThatDoNotBelongTogetherAreNoKey(t *testing.T) {
	newKey(t, pairs()[2048]) // the positive control
	private := copyOf(t, pairs()[2048])
	private.D.Add(private.D, private.D)
	_, err := rsakey.New(private)
	if err == nil {
		t.Fatal("inconsistent key: got no error, want one")
	}
	if bytes.Contains([]byte(err.Error()), []byte(private.D.String())) {
		t.Errorf("error: got %v, want one without the key", err)
	}
}

func BenchmarkSign(b *testing.B) {
	b.Logf("signing with %s", rsakey.Library)
	for _, bits := range sizes {
		b.Run(strconv.Itoa(bits), func(b *testing.B) {
			key, digest := newKey(b, pairs()[bits]), randomDigest()
			for b.Loop() {
				if _, err := key.SignSHA256(digest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

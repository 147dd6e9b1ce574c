package eight

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"testing"
)

// published is a signature that others have made: a test vector of Wycheproof.
type published struct {
	id        int // in the file, whose ids begin anew for each size
	pair      *rsa.PrivateKey
	message   []byte // padded
	signature []byte
}

// wycheproof has the test vectors by the size of their keys. The file says where
// they come from, and under which licence.
func wycheproof(t *testing.T) map[int][]published {
	t.Helper()
	data, err := os.ReadFile("testdata/wycheproof.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Bits  int    `json:"keySize"`
			Pair  string `json:"privateKeyPkcs8"`
			Tests []struct {
				ID        int    `json:"tcId"`
				Message   string `json:"msg"`
				Signature string `json:"sig"`
			} `json:"tests"`
		} `json:"testGroups"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	all := map[int][]published{}
	for _, group := range file.Groups {
		pair, err := x509.ParsePKCS8PrivateKey(unhex(t, group.Pair))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range group.Tests {
			made := published{id: v.ID, pair: pair.(*rsa.PrivateKey), signature: unhex(t, v.Signature)}
			made.message = padded(sha256.Sum256(unhex(t, v.Message)), made.pair.Size())
			all[group.Bits] = append(all[group.Bits], made)
		}
	}
	return all
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Of the keys with the exponent 3, the primes differ in length: batches refuse them.
func TestSignaturesAreThoseThatWycheproofPublishes(t *testing.T) {
	vectors, unequal := map[int][]published{}, 0
	for bits, all := range wycheproof(t) {
		for _, v := range all {
			if _, err := NewKey(v.pair); errors.Is(err, ErrUnsuitable) && v.pair.E == 3 {
				unequal++
				continue
			}
			vectors[bits] = append(vectors[bits], v)
		}
		if got := len(vectors[bits]); got != Lanes {
			t.Errorf("signatures with keys of %d bits: got %d, want %d", bits, got, Lanes)
		}
	}
	if len(vectors) != 3 || unequal != 3 {
		t.Errorf("vectors: got %d sizes of keys, and %d keys refused, want 3 and 3", len(vectors), unequal)
	}
	for name, arithmetic := range arithmetics(t) {
		native := name == "narrow" || name == "wide"
		for bits, all := range vectors {
			if !native && (underRace || testing.Short() && bits > 2048) {
				continue // takes seconds
			}
			t.Run(name+"/"+strconv.Itoa(bits), func(t *testing.T) { comparePublished(t, newEngine(arithmetic), all) })
		}
	}
}

// comparePublished signs all of them in one batch.
func comparePublished(t *testing.T, e *Engine, vectors []published) {
	t.Helper()
	requests := make([]*Request, len(vectors))
	for i, v := range vectors {
		key, err := newKey(v.pair, e.with.forms)
		if err != nil {
			t.Fatalf("vector %d: got %v, want its key accepted", v.id, err)
		}
		requests[i] = &Request{Key: key, Message: v.message, Signature: make([]byte, v.pair.Size())}
	}
	e.Sign(requests)
	for i, r := range requests {
		if r.Err != nil || !bytes.Equal(r.Signature, vectors[i].signature) {
			t.Errorf("vector %d: got %x, %v, want %x", vectors[i].id, r.Signature, r.Err, vectors[i].signature)
		}
	}
}

package eight

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// padded is the message of RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 9.2).
func padded(digest [32]byte, size int) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	end := append(append([]byte{0}, prefix...), digest[:]...)
	return append(append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-2-len(end))...), end...)
}

func edgeDigest() (digest [32]byte) {
	switch mathrand.IntN(4) {
	case 0:
		return digest
	case 1:
		return [32]byte(bytes.Repeat([]byte{0xff}, 32))
	}
	rand.Read(digest[:])
	return digest
}

// pairsOf is how many signatures of each kind of arithmetic a test compares: many
// where the processor is fast, and otherwise as many as take seconds.
func pairsOf(t *testing.T, kind string) int {
	native := kind == "wide" || kind == "narrow"
	n, err := strconv.Atoi(os.Getenv("PLAYTOKEN_TEST_SIGNATURES"))
	switch {
	case testing.Short() || underRace:
		return 2 * Lanes
	case !native:
		return 10 * Lanes
	case err != nil:
		return 20_000
	}
	return n
}

// keysOf are keys of a size as batches need them, and their own numbers.
func keysOf(t testing.TB, bits int, a arithmetic) (keys []*Key, pairs []*rsa.PrivateKey) {
	t.Helper()
	pairs = pool(t, bits)
	for _, pair := range pairs {
		key, err := newKey(pair, a.forms)
		if err != nil {
			t.Fatalf("key of %d bits with exponent %d: got %v, want it accepted", bits, pair.E, err)
		}
		keys = append(keys, key)
	}
	return keys, pairs
}

// There is only one signature of a digest under a key, so one that crypto/rsa
// accepts is the one that crypto/rsa makes; every hundredth is compared as well.
func TestSignaturesAreThoseOfTheStandardLibrary(t *testing.T) {
	for name, arithmetic := range arithmetics(t) {
		for bits, share := range map[int]int{2048: 1, 3072: 8, 4096: 16} {
			t.Run(name+"/"+strconv.Itoa(bits), func(t *testing.T) {
				keys, pairs := keysOf(t, bits, arithmetic)
				e := newEngine(arithmetic)
				n := max(pairsOf(t, name)/share, Lanes)
				for done := 0; done < n; {
					done += compareBatch(t, e, keys, pairs, done)
				}
			})
		}
	}
}

// compareBatch signs with keys of the pool, and with fewer than eight in every
// second batch.
func compareBatch(t *testing.T, e *Engine, keys []*Key, pairs []*rsa.PrivateKey, done int) int {
	t.Helper()
	requests, digests, of := []*Request{}, [][32]byte{}, []*rsa.PrivateKey{}
	for lane := range Lanes - done/Lanes%2*mathrand.IntN(Lanes) {
		i := (done + lane) % len(keys)
		digest := edgeDigest()
		size := pairs[i].Size()
		requests = append(requests, &Request{Key: keys[i], Message: padded(digest, size), Signature: make([]byte, size)})
		digests, of = append(digests, digest), append(of, pairs[i])
	}
	e.Sign(requests)
	for i, r := range requests {
		if err := rsa.VerifyPKCS1v15(&of[i].PublicKey, crypto.SHA256, digests[i][:], r.Signature); r.Err != nil || err != nil {
			t.Fatalf("lane %d of %d, key %x, digest %x: got %v and %v, want a good signature", i, len(requests), of[i].Primes, digests[i], r.Err, err)
		}
		if (done+i)%100 == 0 {
			want, _ := rsa.SignPKCS1v15(nil, of[i], crypto.SHA256, digests[i][:])
			if !bytes.Equal(r.Signature, want) {
				t.Fatalf("signature: got %x, want %x", r.Signature, want)
			}
		}
	}
	return len(requests)
}

// Whichever multiplication goes wrong in a lane, that lane gives no signature out
// and the others do.
func TestAFaultReleasesNoSignature(t *testing.T) {
	arithmetic, _ := best()
	keys, pairs := keysOf(t, 2048, arithmetic)
	const last = 2510 // or one of the last
	for _, at := range []int{0, 1, 3, 40, 700, 1200, 1300, 1700, 2400, last} {
		expectFault(t, newEngine(faulty(arithmetic, at, 3)), keys[:Lanes], pairs, 3)
	}
	half := arithmetic.step / 2
	for _, at := range []int{0, 1, 3, 40, 700, 1200} {
		expectFault(t, newEngine(faulty(arithmetic, at, 1)), keys[:half], pairs, 1)
		expectFault(t, newEngine(faulty(arithmetic, at, 1+half)), keys[:half], pairs, 1)
	}
}

// expectFault signs with these keys, where that of one has a fault.
func expectFault(t *testing.T, e *Engine, keys []*Key, pairs []*rsa.PrivateKey, wrong int) {
	t.Helper()
	var requests []*Request
	for i := range keys {
		message := padded(edgeDigest(), pairs[i].Size())
		requests = append(requests, &Request{Key: keys[i], Message: message, Signature: make([]byte, len(message))})
	}
	e.Sign(requests)
	for i, r := range requests {
		given := !bytes.Equal(r.Signature, make([]byte, len(r.Signature)))
		if (i == wrong) != errors.Is(r.Err, ErrFault) || (i == wrong) == given {
			t.Errorf("%d requests with a fault in request %d, request %d: got %v, signature given: %t", len(keys), wrong, i, r.Err, given)
		}
	}
}

// faulty makes one multiplication or squaring wrong in one lane.
func faulty(a arithmetic, at, lane int) arithmetic {
	count := 0
	spoil := func(out number) {
		if count == at {
			out[0][lane] ^= 1
		}
		count++
	}
	multiply, square := a.multiply, a.square
	a.multiply = func(out, x, y, m number, k0 *vector, work number, s shape) {
		multiply(out, x, y, m, k0, work, s)
		spoil(out)
	}
	a.square = func(out, x, m number, k0 *vector, work number, s shape) {
		square(out, x, m, k0, work, s)
		spoil(out)
	}
	return a
}

func TestNothingIsLeftOfABatch(t *testing.T) {
	keys, pairs := keysOf(t, 2048, portable(narrowForms()))
	e := newEngine(portable(narrowForms()))
	r := &Request{Key: keys[0], Message: padded([32]byte{}, pairs[0].Size()), Signature: make([]byte, pairs[0].Size())}
	e.Sign([]*Request{r})
	for i, v := range e.memory {
		if v != (vector{}) {
			t.Fatalf("vector %d of %d after a batch: got %x, want it wiped", i, len(e.memory), v)
		}
	}
	if e.used != 0 || len(e.memory) == 0 {
		t.Errorf("memory after a batch: got %d in use of %d, want none of some", e.used, len(e.memory))
	}
	keys[0].Wipe()
	for _, digits := range [][]uint64{keys[0].p.digits, keys[0].q.digits, keys[0].p.square, keys[0].q.cube, keys[0].inverse} {
		for _, digit := range digits {
			if digit != 0 {
				t.Fatalf("digit of a wiped key: got %x, want 0", digit)
			}
		}
	}
	if !bytes.Equal(keys[0].p.exponent, make([]byte, len(keys[0].p.exponent))) {
		t.Error("exponent of a wiped key: got it, want zeros")
	}
}

func TestUnsuitableKeysAreRefused(t *testing.T) {
	good := pool(t, 2048)[0]
	p, q := good.Primes[0], good.Primes[1]
	longer := primeAfter(new(big.Int).Lsh(p, 16), 1)
	for name, key := range map[string]*rsa.PrivateKey{
		"three primes":             {PublicKey: good.PublicKey, D: good.D, Primes: []*big.Int{p, q, big.NewInt(3)}},
		"primes of unequal length": {PublicKey: rsa.PublicKey{N: new(big.Int).Mul(longer, new(big.Int).Rsh(q, 16)), E: good.E}, D: good.D, Primes: []*big.Int{longer, new(big.Int).Rsh(q, 16)}},
		"an even exponent":         {PublicKey: rsa.PublicKey{N: good.N, E: 4}, D: good.D, Primes: good.Primes},
		"a large exponent":         {PublicKey: rsa.PublicKey{N: good.N, E: 1<<32 + 1}, D: good.D, Primes: good.Primes},
		"another length":           {PublicKey: rsa.PublicKey{N: new(big.Int).Lsh(good.N, 8), E: good.E}, D: good.D, Primes: good.Primes},
	} {
		if _, err := NewKey(key); !errors.Is(err, ErrUnsuitable) {
			t.Errorf("a key with %s: got %v, want ErrUnsuitable", name, err)
		}
	}
}

func FuzzProductsAgree(f *testing.F) {
	f.Add([]byte{0xff}, 2048)
	f.Add(bytes.Repeat([]byte{0xff, 0x0f}, 500), 4096)
	all := arithmetics(f)
	f.Fuzz(func(t *testing.T, data []byte, bits int) {
		for name, arithmetic := range all {
			form, ok := arithmetic.forms[bits]
			if !ok {
				return
			}
			m, a, b, k0 := form.operandsFrom(data, bits/2)
			got := make(number, form.digits)
			arithmetic.multiply(got, a, b, m, k0, make(number, form.digits+2), form.full())
			form.compare(t, name+": product", got, a, b, m)
			arithmetic.square(got, a, m, k0, make(number, form.digits+2), form.full())
			form.compare(t, name+": square", got, a, a, m)
		}
	})
}

// operandsFrom are moduli and factors whose bytes come from data, over and over.
func (f form) operandsFrom(data []byte, bits int) (m, a, b number, k0 *vector) {
	m, a, b, k0 = make(number, f.digits), make(number, f.digits), make(number, f.digits), &vector{}
	next := 0
	read := func(limit *big.Int) *big.Int {
		number := make([]byte, (limit.BitLen()+7)/8)
		for i := range number {
			if len(data) > 0 {
				number[i] = data[next%len(data)]
			}
			next++
		}
		return new(big.Int).Mod(new(big.Int).SetBytes(number), limit)
	}
	for lane := range Lanes {
		top := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		modulus := new(big.Int).Add(read(top), top)
		modulus.SetBit(modulus, 0, 1)
		f.radix.setLane(m, a, b, k0, lane, modulus, read(modulus), read(modulus))
	}
	return m, a, b, k0
}

// Both ways sign with the same keys, one after another.
func BenchmarkEightSignatures(b *testing.B) {
	arithmetic, fast := best()
	b.Logf("batches are worth while on this processor: %t", fast)
	for _, bits := range []int{2048, 3072, 4096} {
		keys, pairs := keysOf(b, bits, arithmetic)
		var requests []*Request
		for i := range Lanes {
			pairs[i].Precompute()
			message := padded(edgeDigest(), pairs[i].Size())
			requests = append(requests, &Request{Key: keys[i], Message: message, Signature: make([]byte, len(message))})
		}
		for _, lanes := range []int{1, 2, 4, Lanes} {
			b.Run("batch of "+strconv.Itoa(lanes)+"/"+strconv.Itoa(bits), func(b *testing.B) {
				e := newEngine(arithmetic)
				for b.Loop() {
					e.Sign(requests[:lanes])
				}
			})
		}
		b.Run("crypto/rsa/"+strconv.Itoa(bits), func(b *testing.B) {
			for b.Loop() {
				for i := range Lanes {
					if _, err := rsa.SignPKCS1v15(nil, pairs[i], crypto.SHA256, requests[i].Message[:32]); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkParts(b *testing.B) {
	a, _ := best()
	f := a.forms[2048]
	m, x, y, k0 := f.radix.operands(f.digits, 1024)
	out, work, table := aligned(f.digits), aligned(f.digits+2), aligned(32*f.digits)
	clear(table) // pages that were never written cost a masked load a thousand times as much
	var entry vector
	b.Run("multiply", func(b *testing.B) {
		for b.Loop() {
			a.multiply(out, x, y, m, k0, work, f.full())
		}
	})
	b.Run("square", func(b *testing.B) {
		for b.Loop() {
			a.square(out, x, m, k0, work, f.full())
		}
	})
	b.Run("pick", func(b *testing.B) {
		for b.Loop() {
			a.pick(out, table, &entry, f.full())
		}
	})
}

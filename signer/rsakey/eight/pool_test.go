package eight

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"flag"
	"fmt"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "make the keys of the tests anew")

// poolSize is how many random keys of each size the tests have.
const poolSize = 100

const poolFile = "testdata/primes.txt"

// pools has the keys by their size. It is read once, because each is checked.
var pools = sync.OnceValues(func() (map[int][]*rsa.PrivateKey, error) {
	data, err := os.ReadFile(poolFile)
	if err != nil {
		return nil, err
	}
	keys := map[int][]*rsa.PrivateKey{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var size, e int
		var primes string
		if _, err := fmt.Sscan(lines.Text(), &size, &e, &primes); err != nil {
			return nil, fmt.Errorf("line of %s: %w", poolFile, err)
		}
		key, err := keyOf(e, primes)
		if err != nil {
			return nil, err
		}
		keys[size] = append(keys[size], key)
	}
	return keys, nil
})

// pool are the keys of a size: random ones, and ones whose primes are as large,
// as small or as regular as they may be.
func pool(t testing.TB, bits int) []*rsa.PrivateKey {
	t.Helper()
	all, err := pools()
	if err != nil {
		t.Fatal(err)
	}
	return all[bits]
}

// keyOf is the key of two primes in base64.
func keyOf(e int, primes string) (*rsa.PrivateKey, error) {
	data, err := base64.StdEncoding.DecodeString(primes)
	if err != nil {
		return nil, err
	}
	p, q := new(big.Int).SetBytes(data[:len(data)/2]), new(big.Int).SetBytes(data[len(data)/2:])
	one := big.NewInt(1)
	order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{Primes: []*big.Int{p, q}, D: new(big.Int).ModInverse(big.NewInt(int64(e)), order)}
	key.N, key.E = new(big.Int).Mul(p, q), e
	return key, key.Validate()
}

func TestPoolOfKeys(t *testing.T) {
	if *update {
		makePool(t)
	}
	for _, bits := range []int{2048, 3072, 4096} {
		if got := len(pool(t, bits)); got < poolSize {
			t.Errorf("keys of %d bits: got %d, want %d and some more", bits, got, poolSize)
		}
	}
}

func makePool(t *testing.T) {
	var lines strings.Builder
	for _, bits := range []int{2048, 3072, 4096} {
		add := func(e int, p, q *big.Int) {
			primes := append(p.FillBytes(make([]byte, bits/16)), q.FillBytes(make([]byte, bits/16))...)
			fmt.Fprintln(&lines, bits, e, base64.StdEncoding.EncodeToString(primes))
		}
		for range poolSize {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				t.Fatal(err)
			}
			add(key.E, key.Primes[0], key.Primes[1])
		}
		edges := edgePrimes(bits / 2)
		for i, p := range edges {
			q := edges[(i+1)%len(edges)]
			for _, e := range []int{3, 17, 257, 65537, 1<<31 - 1} {
				if coprime(e, p) && coprime(e, q) {
					add(e, p, q)
				}
			}
		}
	}
	if err := os.WriteFile(poolFile, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edgePrimes are primes of so many bits next to the least, the greatest and some
// regular numbers, each more than 2^(bits-1/2), so that every product has twice as
// many bits.
func edgePrimes(bits int) []*big.Int {
	two := func(power int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(power)) }
	least := new(big.Int).Sqrt(two(2*bits - 1))
	stripes := new(big.Int)
	for j := range bits {
		stripes.SetBit(stripes, j, uint(j/52+1)%2)
	}
	stripes.Or(stripes, new(big.Int).Mul(big.NewInt(3), two(bits-2)))
	return []*big.Int{
		primeAfter(least, 1),
		primeAfter(two(bits), -1),
		primeAfter(new(big.Int).Mul(big.NewInt(3), two(bits-2)), 1),
		primeAfter(stripes, 1),
		primeAfter(new(big.Int).Sub(two(bits), two(bits/2)), -1),
	}
}

// primeAfter is the next prime above or below a number.
func primeAfter(x *big.Int, step int64) *big.Int {
	p := new(big.Int).Add(x, big.NewInt(step))
	if p.Bit(0) == 0 {
		p.Add(p, big.NewInt(step))
	}
	for !p.ProbablyPrime(20) {
		p.Add(p, big.NewInt(2*step))
	}
	return p
}

// coprime reports whether e can be the public exponent of a key with the prime.
func coprime(e int, prime *big.Int) bool {
	less := new(big.Int).Sub(prime, big.NewInt(1))
	return new(big.Int).GCD(nil, nil, less, big.NewInt(int64(e))).Cmp(big.NewInt(1)) == 0
}

package eight

import (
	"crypto/rsa"
	"errors"
	"math/big"
)

// windowBits is how many bits of an exponent a multiplication takes; a table has
// an entry for each value of that many bits.
const (
	windowBits   = 5
	tableEntries = 1 << windowBits
)

// Key holds the numbers of a private key as batches need them. It is safe for
// concurrent use until Wipe.
type Key struct {
	bits   int // of the modulus
	public modulus
	e      uint64
	p, q   prime
	// inverse is 1/q modulo p, in Montgomery form.
	inverse []uint64
}

// modulus is an odd number and what multiplications modulo it need.
type modulus struct {
	digits []uint64
	k0     uint64   // -1/modulus modulo 2^52
	square []uint64 // R² modulo it, where R is 2^52 to the number of digits
}

// prime is one of the two primes of a key.
type prime struct {
	modulus
	cube     []uint64 // R³ modulo it
	exponent []uint8  // the private exponent modulo the prime less one, in windows, the highest first
}

// ErrUnsuitable: the key is not of a kind that batches take; sign with it
// otherwise.
var ErrUnsuitable = errors.New("not a key of two primes of the same length, of 2048, 3072 or 4096 bits, with a public exponent below 2^32")

// NewKey copies the numbers of a key whose consistency the caller has checked.
func NewKey(private *rsa.PrivateKey) (*Key, error) {
	bits := private.N.BitLen()
	if len(private.Primes) != 2 || private.E < 3 || private.E%2 == 0 || int64(private.E) >= 1<<32 {
		return nil, ErrUnsuitable
	}
	p, q := private.Primes[0], private.Primes[1]
	if bits != 2048 && bits != 3072 && bits != 4096 || p.BitLen() != bits/2 || q.BitLen() != bits/2 {
		return nil, ErrUnsuitable
	}
	k := &Key{bits: bits, public: newModulus(private.N, 2*halfDigits(bits)), e: uint64(private.E)}
	k.p, k.q = newPrime(p, private.D, halfDigits(bits)), newPrime(q, private.D, halfDigits(bits))
	inverse := new(big.Int).ModInverse(q, p)
	if inverse == nil {
		return nil, ErrUnsuitable
	}
	r := radix(halfDigits(bits))
	shifted := new(big.Int).Mul(inverse, r)
	k.inverse = digitsOf(shifted.Mod(shifted, p), halfDigits(bits))
	wipeInt(inverse, shifted)
	return k, nil
}

// halfDigits is the number of digits of a prime of a key of so many bits: even,
// and a multiple of ten, as the arithmetic needs.
func halfDigits(bits int) int { return map[int]int{2048: 20, 3072: 30, 4096: 40}[bits] }

// radix is 2^52 to the number of digits.
func radix(digits int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(digits*digitBits)) }

func newModulus(m *big.Int, digits int) modulus {
	inverse := new(big.Int).ModInverse(m, radix(1))
	square := powerOfRadix(m, digits, 2)
	made := modulus{
		digits: digitsOf(m, digits),
		k0:     (-inverse.Uint64()) & digitMask,
		square: digitsOf(square, digits),
	}
	wipeInt(inverse, square)
	return made
}

func newPrime(p, d *big.Int, digits int) prime {
	cube := powerOfRadix(p, digits, 3)
	less := new(big.Int).Sub(p, big.NewInt(1))
	exponent := new(big.Int).Mod(d, less)
	made := prime{modulus: newModulus(p, digits), cube: digitsOf(cube, digits), exponent: windowsOf(exponent, p.BitLen())}
	wipeInt(cube, less, exponent)
	return made
}

// powerOfRadix is a power of R modulo m.
func powerOfRadix(m *big.Int, digits, power int) *big.Int {
	x := new(big.Int).Lsh(big.NewInt(1), uint(power*digits*digitBits))
	return x.Mod(x, m)
}

// digitsOf are the digits of a number, the lowest first.
func digitsOf(x *big.Int, digits int) []uint64 {
	data := x.FillBytes(make([]byte, (digits*digitBits+7)/8))
	made := make([]uint64, digits)
	for j := range made {
		made[j] = bitsAt(data, j*digitBits, digitBits)
	}
	clear(data)
	return made
}

// windowsOf are the windows of an exponent of at most so many bits, the highest
// first.
func windowsOf(x *big.Int, bits int) []uint8 {
	count := (bits + windowBits - 1) / windowBits
	data := x.FillBytes(make([]byte, (count*windowBits+7)/8))
	made := make([]uint8, count)
	for i := range made {
		made[i] = uint8(bitsAt(data, (count-1-i)*windowBits, windowBits))
	}
	clear(data)
	return made
}

// bitsAt are some bits of a big-endian number, from a bit counted from its lowest
// one.
func bitsAt(data []byte, from, count int) uint64 {
	var x uint64
	for i := (from + count - 1) / 8; i >= from/8; i-- {
		var b byte
		if i < len(data) {
			b = data[len(data)-1-i]
		}
		if i == from/8 { // the lowest byte may have bits below
			keep := 8 - from%8
			x = x<<keep | uint64(b)>>(from%8)
			continue
		}
		x = x<<8 | uint64(b)
	}
	return x & (1<<count - 1)
}

// Wipe makes every number zero. No batch may hold the key.
func (k *Key) Wipe() {
	for _, p := range []*prime{&k.p, &k.q} {
		clear(p.digits)
		clear(p.square)
		clear(p.cube)
		clear(p.exponent)
		p.k0 = 0
	}
	clear(k.inverse)
}

// wipeInt makes the numbers zero, and the memory that they take.
func wipeInt(numbers ...*big.Int) {
	for _, x := range numbers {
		bits := x.Bits()
		clear(bits[:cap(bits)])
		x.SetInt64(0)
	}
}

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
	form   form
	public modulus
	e      uint64
	p, q   prime
	// inverse is 1/q modulo p, in Montgomery form.
	inverse []uint64
}

// modulus is an odd number and what multiplications modulo it need.
type modulus struct {
	digits []uint64
	k0     uint64   // -1/modulus, modulo what a digit can be
	square []uint64 // R² modulo it, where R is 2 to the number of bits of all digits
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
	arithmetic, _ := best()
	return newKey(private, arithmetic.forms)
}

func newKey(private *rsa.PrivateKey, forms map[int]form) (*Key, error) {
	bits := private.N.BitLen()
	form, ok := forms[bits]
	if !ok || len(private.Primes) != 2 || private.E < 3 || private.E%2 == 0 || int64(private.E) >= 1<<32 {
		return nil, ErrUnsuitable
	}
	p, q := private.Primes[0], private.Primes[1]
	inverse := new(big.Int).ModInverse(q, p)
	if p.BitLen() != bits/2 || q.BitLen() != bits/2 || inverse == nil {
		return nil, ErrUnsuitable
	}
	defer wipeInt(inverse)
	return &Key{
		form:    form,
		public:  form.doubled().modulus(private.N),
		e:       uint64(private.E),
		p:       form.prime(p, private.D),
		q:       form.prime(q, private.D),
		inverse: form.montgomery(p, inverse, 1),
	}, nil
}

// doubled is the layout of a modulus.
func (f form) doubled() form { return form{radix: f.radix, digits: 2 * f.digits} }

func (f form) modulus(m *big.Int) modulus {
	inverse := new(big.Int).ModInverse(m, new(big.Int).Lsh(big.NewInt(1), uint(f.radix)))
	defer wipeInt(inverse)
	return modulus{
		digits: f.digitsOf(m),
		k0:     -inverse.Uint64() & f.radix.mask(),
		square: f.montgomery(m, big.NewInt(1), 2),
	}
}

func (f form) prime(p, d *big.Int) prime {
	less := new(big.Int).Sub(p, big.NewInt(1))
	exponent := new(big.Int).Mod(d, less)
	defer wipeInt(less, exponent)
	return prime{
		modulus:  f.modulus(p),
		cube:     f.montgomery(p, big.NewInt(1), 3),
		exponent: windowsOf(exponent, p.BitLen()),
	}
}

// montgomery are the digits of x times a power of R modulo m.
func (f form) montgomery(m, x *big.Int, power int) []uint64 {
	shifted := new(big.Int).Lsh(x, uint(power*f.digits)*uint(f.radix))
	defer wipeInt(shifted)
	return f.digitsOf(shifted.Mod(shifted, m))
}

// digitsOf are the digits of a number, the lowest first.
func (f form) digitsOf(x *big.Int) []uint64 {
	data := x.FillBytes(make([]byte, (f.digits*int(f.radix)+7)/8))
	defer clear(data)
	digits := make([]uint64, f.digits)
	for j := range digits {
		digits[j] = bitsAt(data, j*int(f.radix), int(f.radix))
	}
	return digits
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

// Package eight computes eight RSA signatures at once, one in each lane of the
// vector registers of a processor.
//
// A batch goes through five steps, all lanes together: the message is reduced
// modulo both primes; raised to both halves of the private exponent; the two
// results are combined (Garner); the signature is raised to the public exponent
// modulo the recorded modulus; and only a lane in which that is the message again
// gives its signature out. A signature with a fault in one half would tell the
// primes.
//
// Numbers are in Montgomery form, in radix 2^52 where the processor has AVX-512
// IFMA, and in radix 2^28 or 2^26, four lanes at a time, where it has AVX2.
// Results of a multiplication are less than twice the modulus, and are reduced to
// the end only once, when they leave (almost Montgomery multiplication; S. Gueron,
// "Efficient software implementations of modular exponentiation", 2012).
//
// The decision a newcomer would get wrong: this package never decides whether it
// is worth while. Its functions run on any machine, slowly where the processor
// has neither, so that tests compare the same code everywhere; Fast says which it
// is.
package eight

//go:generate go run -C gen . ..

import "math/bits"

// Lanes is how many signatures a batch makes.
const Lanes = 8

// radix is how many bits a digit has.
type radix uint

func (r radix) mask() uint64 { return 1<<r - 1 }

// low is the low digit of a product of two digits.
func (r radix) low(x, y uint64) uint64 { return x * y & r.mask() }

// high is the high digit of a product of two digits.
func (r radix) high(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	return high<<(64-r) | low>>r
}

// form is how the numbers of keys of one length are laid out: the digits of a
// prime, and twice as many of the modulus. It has bits to spare, so that factors
// of a few times the modulus stay in range.
type form struct {
	radix  radix
	digits int
}

// vector is one digit of eight numbers.
type vector [Lanes]uint64

// number is eight numbers, their lowest digits first.
type number []vector

// arithmetic is what the steps of a batch are made of. Memory that a function
// gets may overlap only where it is the same number. The work area is for the
// function alone; it holds secrets afterwards.
type arithmetic struct {
	// forms are the layouts of numbers, by the length of the key's modulus.
	forms map[int]form
	// multiply sets out to a·b/R modulo m, less than 2m, where R is 2 to the
	// number of bits of all digits. The product a·b has to be less than m·R.
	multiply func(out, a, b, m number, k0 *vector, work number, s shape)
	// square is multiply of a number with itself, which is less than R/2.
	square func(out, a, m number, k0 *vector, work number, s shape)
	// pick sets each lane of out to that lane of one of the table's 32 entries,
	// and takes the same time for each.
	pick func(out, table number, entry *vector, s shape)
	// step is how many lanes are computed at a time: the others cost nothing where
	// fewer are needed.
	step int
	// cost is what a batch of so many signatures takes, in signatures of
	// crypto/rsa one after another; measured, and rounded up.
	cost func(signatures int) float64
}

// WideCost is what a batch costs with AVX-512 IFMA: up to four signatures have
// both halves computed at once.
func WideCost(signatures int) float64 {
	if signatures <= 4 {
		return 0.5
	}
	return 1
}

// NarrowCost is what a batch costs with AVX2, which computes four lanes at a time:
// both halves of two signatures, or one half of four.
func NarrowCost(signatures int) float64 {
	if signatures <= 2 {
		return 1.25
	}
	return 2.5 * float64((signatures+3)/4)
}

// shape is the radix of digits, and how many lanes, from the first on, are needed.
type shape struct {
	radix radix
	lanes int
}

// wideForms are for products of 52 bits and their high halves.
func wideForms() map[int]form {
	return map[int]form{2048: {radix: 52, digits: 20}, 3072: {radix: 52, digits: 30}, 4096: {radix: 52, digits: 40}}
}

// narrowForms are for products of 32 bits: a column takes up all products of a
// multiplication, of the modulus' length too, without a carry.
func narrowForms() map[int]form {
	return map[int]form{2048: {radix: 26, digits: 40}, 3072: {radix: 28, digits: 56}, 4096: {radix: 26, digits: 80}}
}

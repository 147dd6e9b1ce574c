// Package eight computes eight RSA signatures at once, one in each lane of the
// 512-bit registers of a processor.
//
// A batch goes through five steps, all lanes together: the message is reduced
// modulo both primes; raised to both halves of the private exponent; the two
// results are combined (Garner); the signature is raised to the public exponent
// modulo the recorded modulus; and only a lane in which that is the message again
// gives its signature out. A signature with a fault in one half would tell the
// primes.
//
// Numbers are in radix 2^52 and in Montgomery form. Results of a multiplication
// are less than twice the modulus, and are reduced to the end only once, when
// they leave (almost Montgomery multiplication; S. Gueron, "Efficient software
// implementations of modular exponentiation", 2012).
//
// The decision a newcomer would get wrong: this package never decides whether it
// is worth while. Its functions run on any machine, slowly where the processor
// lacks AVX-512 IFMA, so that tests compare the same code everywhere; Fast says
// which it is.
package eight

//go:generate go run -C gen . ..

// Lanes is how many signatures a batch makes.
const Lanes = 8

const (
	digitBits = 52
	digitMask = 1<<digitBits - 1
)

// vector is one digit of eight numbers.
type vector [Lanes]uint64

// number is eight numbers, their lowest digits first.
type number []vector

// arithmetic is what the steps of a batch are made of. Memory that a function
// gets may overlap only where it is the same number. The work area is for the
// function alone; it holds secrets afterwards.
type arithmetic struct {
	// multiply sets out to a·b/R modulo m, less than 2m, where R is 2^52 to the
	// number of digits. The product a·b has to be less than m·R.
	multiply func(out, a, b, m number, k0 *vector, work number)
	// square is multiply of a number with itself, which is less than R/2.
	square func(out, a, m number, k0 *vector, work number)
	// pick sets each lane of out to that lane of one of the table's 32 entries,
	// and takes the same time for each.
	pick func(out, table number, entry *vector)
}

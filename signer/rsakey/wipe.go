package rsakey

import (
	"crypto/rsa"
	"math/big"
)

// Wipe overwrites the numbers of a private key. More is not possible in Go: values
// that crypto/rsa derived from them, and copies that the garbage collector left,
// stay until their memory is used again.
func Wipe(private *rsa.PrivateKey) {
	numbers := []*big.Int{private.D, private.Precomputed.Dp, private.Precomputed.Dq, private.Precomputed.Qinv}
	numbers = append(numbers, private.Primes...)
	for _, n := range numbers {
		if n != nil {
			words := n.Bits()
			clear(words[:cap(words)])
			n.SetInt64(0)
		}
	}
	*private = rsa.PrivateKey{}
}

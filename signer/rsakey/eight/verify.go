package eight

import "math/bits"

// verify is each signature to its public exponent, modulo its public modulus: the
// message, if the signature is right. It shares nothing with what made the
// signature but the multiplication.
func (b *batch) verify(signature number) number {
	digits := len(signature)
	out := b.engine.number(digits)
	defer b.engine.release(b.engine.used)
	m := b.moduli(digits, func(lane int) *modulus { return &b.lanes[lane].Key.public })
	one, base, product := b.one(digits), b.engine.number(digits), b.engine.number(digits)
	b.multiply(base, signature, m.square, m)
	b.multiply(out, one, m.square, m)
	for bit := b.exponentBits() - 1; bit >= 0; bit-- {
		b.squareOf(out, out, m)
		b.multiplyWhere(out, product, base, bit, m)
	}
	b.multiply(out, out, one, m)
	return out
}

// exponentBits is the length of the longest public exponent.
func (b *batch) exponentBits() int {
	longest := 0
	for _, r := range b.lanes {
		longest = max(longest, bits.Len64(r.Key.e))
	}
	return longest
}

// multiplyWhere multiplies the lanes whose public exponent has the bit.
func (b *batch) multiplyWhere(out, product, base number, bit int, m moduli) {
	var mask vector
	some := uint64(0)
	for lane, r := range b.lanes {
		mask[lane] = -(r.Key.e >> bit & 1)
		some |= mask[lane]
	}
	if some == 0 {
		return
	}
	b.multiply(product, out, base, m)
	for j := range out {
		for lane := range Lanes {
			out[j][lane] = product[j][lane]&mask[lane] | out[j][lane]&^mask[lane]
		}
	}
}

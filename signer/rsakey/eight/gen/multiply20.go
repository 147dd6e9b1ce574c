package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// registers are those that the functions of 20 digits have beside their
// accumulators.
type registers struct {
	first, second reg.VecPhysical // two digits of the multiplier
	q0, q1        reg.VecPhysical // what makes two digits zero, when the modulus times it is added
	digit         reg.VecPhysical // of the multiplicand, or of the modulus
	carry         reg.VecPhysical
	k0            reg.VecPhysical // -1/modulus, of the last digit
	mask          reg.VecPhysical // 2^52 - 1
}

func registersAfter(accumulators int) registers {
	next := func() reg.VecPhysical {
		accumulators++
		return z(accumulators - 1)
	}
	return registers{
		first: next(), second: next(), q0: next(), q1: next(),
		digit: next(), carry: next(), k0: next(), mask: next(),
	}
}

// load fills the registers that keep their value.
func (r registers) load(c *build.Context, k0 reg.Register) {
	c.VMOVDQU64(at(k0, 0), r.k0)
	c.VPTERNLOGD(operand.Imm(0xff), r.mask, r.mask, r.mask)
	c.VPSRLQ(operand.Imm(64-digitBits), r.mask, r.mask)
}

// add adds a product to two accumulators, its low digit to the first.
func add(c *build.Context, x, y reg.Register, low, high reg.VecPhysical) {
	c.VPMADD52LUQ(x, y, low)
	c.VPMADD52HUQ(x, y, high)
}

// quotient puts into q what makes acc's digit zero once modulus times q is added,
// and adds the carry out of that digit to the next one. The carry is known
// without the sum: a digit that is not zero becomes 2^52.
func (r registers) quotient(c *build.Context, acc, q, next reg.VecPhysical) {
	c.VPXORQ(q, q, q)
	c.VPMADD52LUQ(r.k0, acc, q)
	c.VPADDQ(r.mask, acc, r.carry)
	c.VPSRLQ(operand.Imm(digitBits), r.carry, r.carry)
	c.VPADDQ(r.carry, next, next)
}

// store writes twenty accumulators, with their carries taken up.
func (r registers) store(c *build.Context, acc []reg.VecPhysical, out reg.Register) {
	for j, digit := range acc {
		if j > 0 {
			c.VPADDQ(r.carry, digit, digit)
		}
		if j < len(acc)-1 {
			c.VPSRLQ(operand.Imm(digitBits), digit, r.carry)
			c.VPANDQ(r.mask, digit, digit)
		}
		c.VMOVDQU64(digit, at(out, j))
	}
}

// multiply20 multiplies numbers of twenty digits. A pass of the loop takes two
// digits of b, so that a digit of a or m is loaded once for four products.
func multiply20(c *build.Context) {
	p := function(c, "multiply20", []string{"out", "a", "b", "m", "k0"}, nil,
		"multiply20 sets out to a·b/2^1040 modulo m, for numbers of 20 digits.",
		"a·b has to be less than 2^1040·m; out is less than 2m.")
	out, a, b, m := p[0], p[1], p[2], p[3]
	r := registersAfter(halfDigits + 2)
	r.load(c, p[4])
	for i := range halfDigits {
		c.VPXORQ(z(i), z(i), z(i))
	}
	pass := c.GP64()
	c.MOVQ(operand.U32(halfDigits/2), pass)
	c.Label("multiply20_pass")
	c.VMOVDQU64(at(b, 0), r.first)
	c.VMOVDQU64(at(b, 1), r.second)
	// Two columns beyond the accumulators begin empty.
	c.VPXORQ(z(halfDigits), z(halfDigits), z(halfDigits))
	c.VPXORQ(z(halfDigits+1), z(halfDigits+1), z(halfDigits+1))
	multiplyPass(c, r, a, m)
	c.ADDQ(operand.Imm(2*vectorSize), b)
	c.DECQ(pass)
	c.JNE(operand.LabelRef("multiply20_pass"))
	var acc []reg.VecPhysical
	for i := range halfDigits {
		acc = append(acc, z(i))
	}
	r.store(c, acc, out)
	end(c)
}

// multiplyPass adds the multiplicand times two digits of b, and the modulus times
// the two digits that make the lowest two columns zero, and moves all columns
// down by two.
func multiplyPass(c *build.Context, r registers, a, m reg.Register) {
	r.lowest(c, a, m)
	c.VMOVDQA64(z(2), z(0))
	c.VMOVDQA64(z(3), z(1))
	for j := 2; j < halfDigits; j++ {
		// Column j is in z(j-2) already, the next one is about to move.
		c.VMOVDQU64(at(a, j), r.digit)
		moveColumn(c, j)
		add(c, r.first, r.digit, z(j-2), z(j-1))
		add(c, r.second, r.digit, z(j-1), z(j+2))
		c.VMOVDQU64(at(m, j), r.digit)
		add(c, r.q0, r.digit, z(j-2), z(j-1))
		add(c, r.q1, r.digit, z(j-1), z(j+2))
	}
	c.VMOVDQA64(z(halfDigits+1), z(halfDigits-1))
}

// lowest adds the products of the two lowest digits, before those of the others,
// because the quotients depend on them. Column i is in register i.
func (r registers) lowest(c *build.Context, a, m reg.Register) {
	c.VMOVDQU64(at(a, 0), r.digit)
	c.VPMADD52LUQ(r.first, r.digit, z(0))
	r.quotient(c, z(0), r.q0, z(1))
	c.VPMADD52HUQ(r.first, r.digit, z(1))
	add(c, r.second, r.digit, z(1), z(2))
	c.VMOVDQU64(at(a, 1), r.digit)
	add(c, r.first, r.digit, z(1), z(2))
	add(c, r.second, r.digit, z(2), z(3))
	reduceLowest(c, r, m, z)
}

// moveColumn moves column j+1 down by two, where it is not there yet.
func moveColumn(c *build.Context, j int) {
	if j > 2 {
		c.VMOVDQA64(z(j+1), z(j-1))
	}
}

// reduceLowest adds the modulus' two lowest digits times two quotients, of which
// it computes the second.
func reduceLowest(c *build.Context, r registers, m reg.Register, column func(int) reg.VecPhysical) {
	c.VMOVDQU64(at(m, 0), r.digit)
	c.VPMADD52HUQ(r.q0, r.digit, column(1)) // the low part makes column 0 zero, with the carry that was added
	c.VMOVDQU64(at(m, 1), r.carry)
	c.VPMADD52LUQ(r.q0, r.carry, column(1))
	c.VPMADD52HUQ(r.q0, r.carry, column(2))
	r.quotient(c, column(1), r.q1, column(2))
	c.VPMADD52HUQ(r.q1, r.digit, column(2))
	c.VMOVDQU64(at(m, 1), r.digit)
	add(c, r.q1, r.digit, column(2), column(3))
}

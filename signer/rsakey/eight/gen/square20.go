package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns are those that a pass of square20 adds to; a column keeps its register
// until a pass has made it zero.
const columns = halfDigits + 2

// square20 squares numbers of twenty digits. Products of different digits are
// computed once, with twice the digit; so each digit's products begin in another
// column, and the ten passes are written out.
func square20(c *build.Context) {
	p := function(c, "square20", []string{"out", "a", "m", "k0", "scratch"}, nil,
		"square20 sets out to a·a/2^1040 modulo m, for numbers of 20 digits less than 2^1039, as multiply20 does.",
		"scratch has room for 20 digits, and holds secrets afterwards.")
	out, a, m, doubles := p[0], p[1], p[2], p[4]
	r := registersAfter(columns)
	r.load(c, p[3])
	double(c, r, a, doubles)
	for i := range columns {
		c.VPXORQ(z(i), z(i), z(i))
	}
	for i := 0; i < halfDigits; i += 2 {
		squarePass(c, r, i, a, m, doubles)
	}
	var acc []reg.VecPhysical
	for i := range halfDigits {
		acc = append(acc, column(halfDigits+i))
	}
	r.store(c, acc, out)
	end(c)
}

func column(i int) reg.VecPhysical { return z(i % columns) }

// double writes the digits of 2a. Digit j is 2a_j plus the bit that 2a_(j-1) has
// beyond 52; a product ignores the bits beyond its own 52.
func double(c *build.Context, r registers, a, doubles reg.Register) {
	for j := 2; j < halfDigits; j++ {
		c.VMOVDQU64(at(a, j), r.first)
		c.VPADDQ(r.first, r.first, r.first)
		c.VPSRLQ(operand.Imm(digitBits-1), at(a, j-1), r.second)
		c.VPADDQ(r.second, r.first, r.first)
		c.VMOVDQU64(r.first, at(doubles, j))
	}
}

// squarePass adds the products of digits i and i+1 with themselves and with all
// higher ones, and reduces columns i and i+1.
func squarePass(c *build.Context, r registers, i int, a, m, doubles reg.Register) {
	if i > 0 { // the registers of columns that are zero become those of the next two
		for _, next := range []int{i + halfDigits, i + halfDigits + 1} {
			c.VPXORQ(column(next), column(next), column(next))
		}
	}
	c.VMOVDQU64(at(a, i), r.first)
	c.VMOVDQU64(at(a, i+1), r.second)
	shifted := func(j int) reg.VecPhysical { return column(i + j) }
	if i == 0 { // the only products in the columns that this pass reduces
		add(c, r.first, r.first, shifted(0), shifted(1))
		c.VPADDQ(r.second, r.second, r.digit)
		c.VPMADD52LUQ(r.first, r.digit, shifted(1))
	}
	r.quotient(c, shifted(0), r.q0, shifted(1))
	reduceLowest(c, r, m, shifted)
	for j := range halfDigits {
		if j > 1 {
			c.VMOVDQU64(at(m, j), r.digit)
			add(c, r.q0, r.digit, shifted(j), shifted(j+1))
			add(c, r.q1, r.digit, shifted(j+1), shifted(j+2))
		}
		if j >= i {
			squareDigit(c, r, i, j, a, doubles)
		}
	}
}

// squareDigit adds the products of digits i and i+1 with digit j: once with
// itself, twice with a higher one. Twice the next digit has no carry from the
// digit itself.
func squareDigit(c *build.Context, r registers, i, j int, a, doubles reg.Register) {
	switch j {
	case i:
		if i > 0 {
			add(c, r.first, r.first, column(2*i), column(2*i+1))
		}
	case i + 1:
		c.VPADDQ(r.second, r.second, r.digit)
		if i > 0 {
			c.VPMADD52LUQ(r.first, r.digit, column(2*i+1))
		}
		c.VPMADD52HUQ(r.first, r.digit, column(2*i+2))
		add(c, r.second, r.second, column(2*i+2), column(2*i+3))
	default:
		squareHigher(c, r, i, j, a, doubles)
	}
}

// squareHigher adds the products of digits i and i+1 with a digit above them.
func squareHigher(c *build.Context, r registers, i, j int, a, doubles reg.Register) {
	c.VMOVDQU64(at(doubles, j), r.digit)
	add(c, r.first, r.digit, column(i+j), column(i+j+1))
	if j == i+2 { // without the carry from digit i+1
		c.VMOVDQU64(at(a, j), r.digit)
		c.VPADDQ(r.digit, r.digit, r.digit)
	}
	add(c, r.second, r.digit, column(i+1+j), column(i+2+j))
}

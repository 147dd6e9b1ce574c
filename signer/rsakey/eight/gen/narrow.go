package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The functions for AVX2 have digits of at most 28 bits, so that a product of two
// is one product of 32 bits, and a column takes up all of its products without a
// carry. They compute four of the eight lanes, those that begin at the pointers.

// narrow is what a function for AVX2 keeps in registers.
type narrow struct {
	first, second reg.VecPhysical // two digits of the multiplier
	twice0        reg.VecPhysical // 2·first, of square
	twice1        reg.VecPhysical // 2·second
	q0, q1        reg.VecPhysical // what makes two digits zero, when the modulus times it is added
	x, y          reg.VecPhysical // a digit of the multiplicand, and one of the modulus
	sum, next     reg.VecPhysical // the column that is being completed, and what the next one has already
	product       reg.VecPhysical
	k0, mask      reg.VecPhysical
	bits          reg.VecPhysical // of a digit, as the count of a shift

	a, m, columns reg.Register
	xs, ys, to    reg.GPVirtual // of the inner loops: where they are
	count         reg.GPVirtual // and how many pairs of digits they have to do
}

func newNarrow(c *build.Context, a, m, columns reg.Register) narrow {
	return narrow{
		first: reg.Y0, second: reg.Y1, twice0: reg.Y2, twice1: reg.Y3, q0: reg.Y4, q1: reg.Y5,
		x: reg.Y6, y: reg.Y7, sum: reg.Y8, next: reg.Y9, product: reg.Y10,
		k0: reg.Y13, mask: reg.Y14, bits: reg.X15,
		a: a, m: m, columns: columns,
		xs: c.GP64(), ys: c.GP64(), to: c.GP64(), count: c.GP64(),
	}
}

// load fills the registers that keep their value.
func (n narrow) load(c *build.Context, k0, bits reg.Register) {
	c.VMOVDQU(at(k0, 0), n.k0)
	c.VMOVQ(bits, n.bits)
	c.VPCMPEQQ(n.mask, n.mask, n.mask) // all ones
	c.VPSLLQ(n.bits, n.mask, n.mask)   // but the bits of a digit
	c.VPCMPEQQ(n.product, n.product, n.product)
	c.VPXOR(n.product, n.mask, n.mask)
}

// add adds a product to a sum.
func (n narrow) add(c *build.Context, x, y, sum reg.VecPhysical) {
	c.VPMULUDQ(x, y, n.product)
	c.VPADDQ(n.product, sum, sum)
}

// quotient puts into q what makes the digit of the sum zero once the modulus
// times it is added, adds its lowest digit's product, and leaves the carry in the
// sum. The modulus' lowest digit is in y.
func (n narrow) quotient(c *build.Context, q reg.VecPhysical) {
	c.VPMULUDQ(n.k0, n.sum, q)
	c.VPAND(n.mask, q, q)
	n.add(c, n.y, q, n.sum)
	c.VPSRLQ(n.bits, n.sum, n.sum)
}

// clear makes all columns zero.
func (n narrow) clear(c *build.Context, name string, digits reg.Register) {
	c.VPXOR(n.sum, n.sum, n.sum)
	c.MOVQ(n.columns, n.to)
	c.MOVQ(digits, n.count)
	c.Label(name + "_clear")
	c.VMOVDQU(n.sum, at(n.to, 0))
	c.ADDQ(operand.Imm(vectorSize), n.to)
	c.DECQ(n.count)
	c.JNE(operand.LabelRef(name + "_clear"))
}

// digit completes the column of a digit of the multiplicand and of the modulus,
// moves it down by two, and begins the next column. It takes up to the two
// factors given of the multiplicand; nil stands for none.
func (n narrow) digit(c *build.Context, offset int, one, other reg.VecPhysical) {
	c.VPADDQ(at(n.to, 2+offset), n.next, n.sum)
	c.VMOVDQU(at(n.ys, offset), n.y)
	n.add(c, n.q0, n.y, n.sum)
	c.VPMULUDQ(n.q1, n.y, n.next)
	if one != nil {
		c.VMOVDQU(at(n.xs, offset), n.x)
		n.add(c, one, n.x, n.sum)
	}
	if other != nil {
		n.add(c, other, n.x, n.next)
	}
	c.VMOVDQU(n.sum, at(n.to, offset))
}

// pairs does so for pairs of digits, as many as count says, which may be none.
func (n narrow) pairs(c *build.Context, name string, one, other reg.VecPhysical) {
	c.TESTQ(n.count, n.count)
	c.JEQ(operand.LabelRef(name + "_done"))
	c.Label(name)
	n.digit(c, 0, one, other)
	n.digit(c, 1, one, other)
	n.advance(c)
	c.DECQ(n.count)
	c.JNE(operand.LabelRef(name))
	c.Label(name + "_done")
}

func (n narrow) advance(c *build.Context) {
	for _, pointer := range []reg.Register{n.xs, n.ys, n.to} {
		c.ADDQ(operand.U32(2*vectorSize), pointer)
	}
}

// start points the inner loops to the third digit.
func (n narrow) start(c *build.Context) {
	c.LEAQ(at(n.a, 2), n.xs)
	c.LEAQ(at(n.m, 2), n.ys)
	c.MOVQ(n.columns, n.to)
}

// finish writes the two highest columns of a pass.
func (n narrow) finish(c *build.Context) {
	c.VMOVDQU(n.next, at(n.to, 0))
	c.VPXOR(n.sum, n.sum, n.sum)
	c.VMOVDQU(n.sum, at(n.to, 1))
}

// store writes the columns with their carries taken up.
func (n narrow) store(c *build.Context, name string, out, digits reg.Register) {
	c.VPXOR(n.next, n.next, n.next)
	c.MOVQ(n.columns, n.xs)
	c.MOVQ(digits, n.count)
	c.Label(name + "_store")
	c.VPADDQ(at(n.xs, 0), n.next, n.sum)
	c.VPSRLQ(n.bits, n.sum, n.next)
	c.VPAND(n.mask, n.sum, n.sum)
	c.VMOVDQU(n.sum, at(out, 0))
	c.ADDQ(operand.Imm(vectorSize), n.xs)
	c.ADDQ(operand.Imm(vectorSize), out)
	c.DECQ(n.count)
	c.JNE(operand.LabelRef(name + "_store"))
	endNarrow(c)
}

func multiplyNarrow(c *build.Context) {
	p := function(c, "multiplyNarrow", []string{"out", "a", "b", "m", "k0", "scratch"}, []string{"digits", "bits"},
		"multiplyNarrow sets out to a·b/2^(bits·digits) modulo m in four lanes, for numbers of an even number of digits.",
		"a·b has to be less than 2^(bits·digits)·m, and digits·2^(2·bits+1) less than 2^64; out is less than 2m.",
		"scratch has room for as many digits, and holds secrets afterwards.")
	out, a, b, m, digits := p[0], p[1], p[2], p[3], p[6]
	n := newNarrow(c, a, m, p[5])
	n.load(c, p[4], p[7])
	n.clear(c, "multiplyNarrow", digits)
	passes := c.GP64()
	c.MOVQ(digits, passes)
	c.Label("multiplyNarrow_pass")
	c.VMOVDQU(at(b, 0), n.first)
	c.VMOVDQU(at(b, 1), n.second)
	c.VMOVDQU(at(a, 0), n.x)
	n.lowest(c, func() { n.add(c, n.first, n.x, n.sum) }, func() {
		n.add(c, n.second, n.x, n.sum)
		c.VMOVDQU(at(a, 1), n.x)
		n.add(c, n.first, n.x, n.sum)
	})
	n.add(c, n.second, n.x, n.next)
	n.start(c)
	c.MOVQ(digits, n.count)
	c.SHRQ(operand.Imm(1), n.count)
	c.DECQ(n.count)
	n.pairs(c, "multiplyNarrow_digits", n.first, n.second)
	n.finish(c)
	c.ADDQ(operand.U32(2*vectorSize), b)
	c.SUBQ(operand.Imm(2), passes)
	c.JNE(operand.LabelRef("multiplyNarrow_pass"))
	n.store(c, "multiplyNarrow", out, digits)
}

// lowest reduces the two lowest columns, after the products of the multiplicand
// have been added to each, and begins the third.
func (n narrow) lowest(c *build.Context, zero, one func()) {
	c.VMOVDQU(at(n.columns, 0), n.sum)
	zero()
	c.VMOVDQU(at(n.m, 0), n.y)
	n.quotient(c, n.q0)
	c.VPADDQ(at(n.columns, 1), n.sum, n.sum)
	one()
	c.VMOVDQU(at(n.m, 1), n.next)
	n.add(c, n.q0, n.next, n.sum)
	n.quotient(c, n.q1)
	c.VPMULUDQ(n.q1, n.next, n.next)
	c.VPADDQ(n.sum, n.next, n.next)
}

// squareNarrow computes the products of different digits once, with twice the
// digit.
func squareNarrow(c *build.Context) {
	p := function(c, "squareNarrow", []string{"out", "a", "m", "k0", "scratch"}, []string{"digits", "bits"},
		"squareNarrow is multiplyNarrow of a number with itself.")
	out, a, m, digits := p[0], p[1], p[2], p[5]
	n := newNarrow(c, a, m, p[4])
	n.load(c, p[3], p[6])
	n.clear(c, "squareNarrow", digits)
	row, below, above := c.GP64(), c.GP64(), c.GP64() // where digits i and i+1 are, and how many pairs are below and above
	c.MOVQ(a, row)
	c.MOVQ(digits, above)
	c.SHRQ(operand.Imm(1), above)
	c.DECQ(above)
	n.firstRow(c, row)
	c.MOVQ(above, n.count)
	n.pairs(c, "squareNarrow_first", n.twice0, n.twice1)
	n.finish(c)
	c.XORQ(below, below)
	c.Label("squareNarrow_pass")
	c.ADDQ(operand.U32(2*vectorSize), row)
	c.DECQ(above)
	n.rows(c, row)
	n.lowest(c, func() {}, func() {})
	n.start(c)
	c.MOVQ(below, n.count)
	n.pairs(c, "squareNarrow_below", nil, nil)
	n.diagonal(c)
	c.MOVQ(above, n.count)
	n.pairs(c, "squareNarrow_above", n.twice0, n.twice1)
	n.finish(c)
	c.INCQ(below)
	c.TESTQ(above, above)
	c.JNE(operand.LabelRef("squareNarrow_pass"))
	n.store(c, "squareNarrow", out, digits)
}

// rows loads digits i and i+1, and their doubles.
func (n narrow) rows(c *build.Context, row reg.Register) {
	c.VMOVDQU(at(row, 0), n.first)
	c.VMOVDQU(at(row, 1), n.second)
	c.VPADDQ(n.first, n.first, n.twice0)
	c.VPADDQ(n.second, n.second, n.twice1)
}

// firstRow is the only one with products in the two columns that its pass
// reduces.
func (n narrow) firstRow(c *build.Context, row reg.Register) {
	n.rows(c, row)
	n.lowest(c,
		func() { n.add(c, n.first, n.first, n.sum) },
		func() { n.add(c, n.twice0, n.second, n.sum) })
	n.add(c, n.second, n.second, n.next)
	n.start(c)
}

// diagonal does the pair of digits i and i+1 themselves.
func (n narrow) diagonal(c *build.Context) {
	n.digit(c, 0, nil, nil)
	n.add(c, n.first, n.first, n.sum)
	c.VMOVDQU(n.sum, at(n.to, 0))
	n.digit(c, 1, nil, nil)
	n.add(c, n.twice0, n.second, n.sum)
	c.VMOVDQU(n.sum, at(n.to, 1))
	n.add(c, n.second, n.second, n.next)
	n.advance(c)
}

package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The functions for AVX2 have digits of at most 28 bits, so that a product of two
// is one product of 32 bits, and a column takes up all of its products without a
// carry. They compute four of the eight lanes, those that begin at the pointers.

// rows is how many digits of the multiplier a pass takes, so that a digit of the
// multiplicand or the modulus is loaded once for as many products.
const rows = 4

// narrow is what a function for AVX2 keeps in registers.
type narrow struct {
	b       [rows]reg.VecPhysical     // digits of the multiplier; twice the digits in a square
	q       [rows]reg.VecPhysical     // what makes four digits zero, when the modulus times it is added
	later   [rows - 1]reg.VecPhysical // what the next columns have already
	x, y    reg.VecPhysical           // a digit of the multiplicand, and one of the modulus
	sum     reg.VecPhysical           // the column that is being completed
	product reg.VecPhysical
	bits    reg.VecPhysical // of a digit, as the count of a shift

	a, m, k0, columns reg.Register
	mask              operand.Mem
	xs, ys, to        reg.GPVirtual // of the inner loops: where they are
	count             reg.GPVirtual // and how many digits they have to do, in fours
}

// newNarrow clears the columns, of which one more holds the mask of a digit.
func newNarrow(c *build.Context, name string, a, m, k0, columns, digits, bits reg.Register) narrow {
	n := narrow{
		b:     [rows]reg.VecPhysical{y(0), y(1), y(2), y(3)},
		q:     [rows]reg.VecPhysical{y(4), y(5), y(6), y(7)},
		later: [rows - 1]reg.VecPhysical{y(8), y(9), y(10)},
		x:     y(11), y: y(12), sum: y(13), product: y(14), bits: reg.X15,
		a: a, m: m, k0: k0, columns: columns,
		xs: c.GP64(), ys: c.GP64(), to: c.GP64(), count: c.GP64(),
	}
	c.VMOVQ(bits, n.bits)
	c.VPCMPEQQ(n.sum, n.sum, n.sum) // all ones
	c.VPSLLQ(n.bits, n.sum, n.product)
	c.VPXOR(n.product, n.sum, n.sum)
	c.VMOVDQU(n.sum, at(columns, 0))
	c.ADDQ(operand.Imm(vectorSize), n.columns)
	n.mask = at(columns, -1)
	c.VPXOR(n.sum, n.sum, n.sum)
	c.MOVQ(n.columns, n.to)
	c.MOVQ(digits, n.count)
	c.Label(name + "_clear")
	c.VMOVDQU(n.sum, at(n.to, 0))
	c.ADDQ(operand.Imm(vectorSize), n.to)
	c.DECQ(n.count)
	c.JNE(operand.LabelRef(name + "_clear"))
	return n
}

// add adds a product to a sum.
func (n narrow) add(c *build.Context, x operand.Op, y, sum reg.VecPhysical) {
	c.VPMULUDQ(x, y, n.product)
	c.VPADDQ(n.product, sum, sum)
}

// products adds what the multiplicand contributes to one of the columns that the
// four lowest digits reach.
type products func(column int, sum reg.VecPhysical)

// lowest reduces the four lowest columns and begins the next three. The modulus'
// lowest digit makes a column zero but for its carry.
func (n narrow) lowest(c *build.Context, multiplicand products) {
	c.VMOVDQU(at(n.m, 0), n.y)
	for k := range rows {
		if k == 0 {
			c.VMOVDQU(at(n.columns, 0), n.sum)
		} else {
			c.VPADDQ(at(n.columns, k), n.sum, n.sum)
		}
		multiplicand(k, n.sum)
		n.reduced(c, k, n.sum)
		c.VPMULUDQ(at(n.k0, 0), n.sum, n.q[k])
		c.VPAND(n.mask, n.q[k], n.q[k])
		n.add(c, n.y, n.q[k], n.sum)
		c.VPSRLQ(n.bits, n.sum, n.sum)
	}
	c.VMOVDQA(n.sum, n.later[0])
	for k, later := range n.later {
		if k > 0 {
			c.VPXOR(later, later, later)
		}
		multiplicand(rows+k, later)
		n.reduced(c, rows+k, later)
	}
}

// reduced adds the products of the modulus, but for its lowest digit, that reach
// a column.
func (n narrow) reduced(c *build.Context, column int, sum reg.VecPhysical) {
	for i := range min(column, rows) {
		if j := column - i; j > 0 && j < rows {
			n.add(c, at(n.m, j), n.q[i], sum)
		}
	}
}

// factors are by what a digit of the multiplicand is multiplied for each column
// from its own on; nil: by nothing.
type factors [rows]reg.VecPhysical

// digit completes the column of a digit of the multiplicand and of the modulus,
// moves it down by four, and adds to the next three.
func (n narrow) digit(c *build.Context, offset int, by factors) {
	c.VPADDQ(at(n.to, rows+offset), n.later[0], n.sum)
	c.VMOVDQU(at(n.ys, offset), n.y)
	if by != (factors{}) {
		c.VMOVDQU(at(n.xs, offset), n.x)
	}
	n.addTo(c, n.sum, n.sum, n.q[0], by[0])
	n.addTo(c, n.later[1], n.later[0], n.q[1], by[1])
	n.addTo(c, n.later[2], n.later[1], n.q[2], by[2])
	c.VPMULUDQ(n.q[3], n.y, n.later[2])
	if by[3] != nil {
		n.add(c, n.x, by[3], n.later[2])
	}
	c.VMOVDQU(n.sum, at(n.to, offset))
}

// addTo adds the products of a digit to a column, whose sum so far is in from.
func (n narrow) addTo(c *build.Context, from, to, q, factor reg.VecPhysical) {
	c.VPMULUDQ(q, n.y, n.product)
	c.VPADDQ(n.product, from, to)
	if factor != nil {
		n.add(c, n.x, factor, to)
	}
}

// fours does so for digits in fours, as many as count says, which may be none.
func (n narrow) fours(c *build.Context, name string, by factors) {
	c.TESTQ(n.count, n.count)
	c.JEQ(operand.LabelRef(name + "_done"))
	c.Label(name)
	for offset := range rows {
		n.digit(c, offset, by)
	}
	n.advance(c)
	c.DECQ(n.count)
	c.JNE(operand.LabelRef(name))
	c.Label(name + "_done")
}

func (n narrow) advance(c *build.Context) {
	for _, pointer := range []reg.Register{n.xs, n.ys, n.to} {
		c.ADDQ(operand.U32(rows*vectorSize), pointer)
	}
}

// start points the inner loops to the fifth digit.
func (n narrow) start(c *build.Context) {
	c.LEAQ(at(n.a, rows), n.xs)
	c.LEAQ(at(n.m, rows), n.ys)
	c.MOVQ(n.columns, n.to)
}

// finish writes the highest columns of a pass.
func (n narrow) finish(c *build.Context) {
	for i, later := range n.later {
		c.VMOVDQU(later, at(n.to, i))
	}
	c.VPXOR(n.sum, n.sum, n.sum)
	c.VMOVDQU(n.sum, at(n.to, rows-1))
}

// store writes the columns with their carries taken up, and ends the function.
func (n narrow) store(c *build.Context, name string, out, digits reg.Register) {
	carry, mask := n.later[0], n.later[1]
	c.VMOVDQU(n.mask, mask)
	c.VPXOR(carry, carry, carry)
	c.MOVQ(n.columns, n.xs)
	c.MOVQ(digits, n.count)
	c.Label(name + "_store")
	c.VPADDQ(at(n.xs, 0), carry, n.sum)
	c.VPSRLQ(n.bits, n.sum, carry)
	c.VPAND(mask, n.sum, n.sum)
	c.VMOVDQU(n.sum, at(out, 0))
	c.ADDQ(operand.Imm(vectorSize), n.xs)
	c.ADDQ(operand.Imm(vectorSize), out)
	c.DECQ(n.count)
	c.JNE(operand.LabelRef(name + "_store"))
	endNarrow(c)
}

func multiplyNarrow(c *build.Context) {
	p := function(c, "multiplyNarrow", []string{"out", "a", "b", "m", "k0", "scratch"}, []string{"digits", "bits"},
		"multiplyNarrow sets out to a·b/2^(bits·digits) modulo m in four lanes, for numbers of eight digits or more, in fours.",
		"a·b has to be less than 2^(bits·digits)·m, and digits·2^(2·bits+1) less than 2^64; out is less than 2m.",
		"scratch has room for one digit more, and holds secrets afterwards.")
	out, a, b, m, digits := p[0], p[1], p[2], p[3], p[6]
	n := newNarrow(c, "multiplyNarrow", a, m, p[4], p[5], digits, p[7])
	passes := c.GP64()
	c.MOVQ(digits, passes)
	c.Label("multiplyNarrow_pass")
	for i := range rows {
		c.VMOVDQU(at(b, i), n.b[i])
	}
	n.lowest(c, func(column int, sum reg.VecPhysical) {
		for i := range min(column+1, rows) {
			if j := column - i; j < rows {
				n.add(c, at(a, j), n.b[i], sum)
			}
		}
	})
	n.start(c)
	c.MOVQ(digits, n.count)
	c.SHRQ(operand.Imm(2), n.count)
	c.DECQ(n.count)
	n.fours(c, "multiplyNarrow_digits", n.b)
	n.finish(c)
	c.ADDQ(operand.U32(rows*vectorSize), b)
	c.SUBQ(operand.Imm(rows), passes)
	c.JNE(operand.LabelRef("multiplyNarrow_pass"))
	n.store(c, "multiplyNarrow", out, digits)
}

// squareNarrow computes the products of different digits once, with twice the
// digit.
func squareNarrow(c *build.Context) {
	p := function(c, "squareNarrow", []string{"out", "a", "m", "k0", "scratch"}, []string{"digits", "bits"},
		"squareNarrow is multiplyNarrow of a number with itself.")
	out, a, m, digits := p[0], p[1], p[2], p[5]
	n := newNarrow(c, "squareNarrow", a, m, p[3], p[4], digits, p[6])
	row, below, above := c.GP64(), c.GP64(), c.GP64() // the digits of the pass, and how many are below and above, in fours
	c.MOVQ(a, row)
	c.MOVQ(digits, above)
	c.SHRQ(operand.Imm(2), above)
	c.DECQ(above)
	// Only in the first pass do the digits have products in the columns that it reduces.
	n.double(c, row)
	n.lowest(c, func(column int, sum reg.VecPhysical) { n.ownProducts(c, row, column, sum) })
	n.start(c)
	c.MOVQ(above, n.count)
	n.fours(c, "squareNarrow_first", n.b)
	n.finish(c)
	c.XORQ(below, below)
	c.Label("squareNarrow_pass")
	c.ADDQ(operand.U32(rows*vectorSize), row)
	c.DECQ(above)
	n.double(c, row)
	n.lowest(c, func(int, reg.VecPhysical) {})
	n.start(c)
	c.MOVQ(below, n.count)
	n.fours(c, "squareNarrow_below", factors{})
	n.diagonal(c)
	c.MOVQ(above, n.count)
	n.fours(c, "squareNarrow_above", n.b)
	n.finish(c)
	c.INCQ(below)
	c.TESTQ(above, above)
	c.JNE(operand.LabelRef("squareNarrow_pass"))
	n.store(c, "squareNarrow", out, digits)
}

// double loads twice the digits of the pass.
func (n narrow) double(c *build.Context, row reg.Register) {
	for i, b := range n.b {
		c.VMOVDQU(at(row, i), b)
		c.VPADDQ(b, b, b)
	}
}

// ownProducts adds the products of the pass' digits with each other that reach a
// column, counted from twice the first digit's.
func (n narrow) ownProducts(c *build.Context, row reg.Register, column int, sum reg.VecPhysical) {
	for i := range rows {
		switch j := column - i; {
		case j == i:
			c.VMOVDQU(at(row, i), n.x)
			n.add(c, n.x, n.x, sum)
		case j > i && j < rows:
			n.add(c, at(row, j), n.b[i], sum)
		}
	}
}

// diagonal does the digits of the pass themselves: each with twice those below
// it, and with itself once.
func (n narrow) diagonal(c *build.Context) {
	for j := range rows {
		var by factors
		copy(by[:], n.b[:j])
		by[j] = n.x
		n.digit(c, j, by)
	}
	n.advance(c)
}

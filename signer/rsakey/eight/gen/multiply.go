package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// multiply multiplies numbers of any even number of digits, with the columns in
// memory. A pass takes two digits of b. Three registers hold the columns that the
// pass is adding to; the lowest of them is complete after each digit of a.
func multiply(c *build.Context) {
	p := function(c, "multiply", []string{"out", "a", "b", "m", "k0", "scratch"}, []string{"digits"},
		"multiply sets out to a·b/2^(52·digits) modulo m, for numbers of an even number of digits from 4 on.",
		"a·b has to be less than 2^(52·digits)·m; out is less than 2m.",
		"scratch has room for two digits more, and holds secrets afterwards.")
	m := multiplication{out: p[0], a: p[1], b: p[2], m: p[3], columns: p[5], digits: p[6], count: c.GP64(), x: c.GP64(), y: c.GP64(), to: c.GP64()}
	m.registers = registersAfter(20)
	m.load(c, p[4])
	m.clear(c)
	passes := c.GP64()
	c.MOVQ(m.digits, passes)
	c.Label("multiply_pass")
	m.pass(c)
	c.ADDQ(operand.Imm(2*vectorSize), m.b)
	c.SUBQ(operand.Imm(2), passes)
	c.JNE(operand.LabelRef("multiply_pass"))
	m.store(c)
	end(c)
}

type multiplication struct {
	registers
	out, a, b, m, columns reg.Register
	digits                reg.GPVirtual
	count, x, y, to       reg.GPVirtual // of the inner loops: digits to do, and where they are
}

// clear makes all columns zero.
func (m multiplication) clear(c *build.Context) {
	c.VPXORQ(z(0), z(0), z(0))
	c.MOVQ(m.columns, m.to)
	c.LEAQ(operand.Mem{Base: m.digits, Disp: 2}, m.count)
	c.Label("multiply_clear")
	c.VMOVDQU64(z(0), at(m.to, 0))
	c.ADDQ(operand.Imm(vectorSize), m.to)
	c.DECQ(m.count)
	c.JNE(operand.LabelRef("multiply_clear"))
}

func (m multiplication) pass(c *build.Context) {
	c.VMOVDQU64(at(m.b, 0), m.first)
	c.VMOVDQU64(at(m.b, 1), m.second)
	for i := range 4 {
		c.VMOVDQU64(at(m.columns, i), z(i))
	}
	m.lowest(c, m.a, m.m)
	// Column 2 is in z(2), column 3 in z(3); column 4 comes from memory.
	c.LEAQ(at(m.a, 2), m.x)
	c.LEAQ(at(m.m, 2), m.y)
	c.MOVQ(m.columns, m.to)
	c.LEAQ(operand.Mem{Base: m.digits, Disp: -2}, m.count)
	c.Label("multiply_digit")
	c.VMOVDQU64(at(m.to, 4), z(4))
	c.VMOVDQU64(at(m.x, 0), m.digit)
	add(c, m.first, m.digit, z(2), z(3))
	add(c, m.second, m.digit, z(3), z(4))
	c.VMOVDQU64(at(m.y, 0), m.carry)
	add(c, m.q0, m.carry, z(2), z(3))
	add(c, m.q1, m.carry, z(3), z(4))
	c.VMOVDQU64(z(2), at(m.to, 0))
	c.VMOVDQA64(z(3), z(2))
	c.VMOVDQA64(z(4), z(3))
	for _, pointer := range []reg.Register{m.x, m.y, m.to} {
		c.ADDQ(operand.Imm(vectorSize), pointer)
	}
	c.DECQ(m.count)
	c.JNE(operand.LabelRef("multiply_digit"))
	c.VMOVDQU64(z(2), at(m.to, 0))
	c.VMOVDQU64(z(3), at(m.to, 1))
}

// store writes the columns with their carries taken up.
func (m multiplication) store(c *build.Context) {
	c.VPXORQ(m.carry, m.carry, m.carry)
	c.MOVQ(m.columns, m.x)
	c.MOVQ(m.out, m.to)
	c.MOVQ(m.digits, m.count)
	c.Label("multiply_store")
	c.VPADDQ(at(m.x, 0), m.carry, m.digit)
	c.VPSRLQ(operand.Imm(digitBits), m.digit, m.carry)
	c.VPANDQ(m.mask, m.digit, m.digit)
	c.VMOVDQU64(m.digit, at(m.to, 0))
	c.ADDQ(operand.Imm(vectorSize), m.x)
	c.ADDQ(operand.Imm(vectorSize), m.to)
	c.DECQ(m.count)
	c.JNE(operand.LabelRef("multiply_store"))
}

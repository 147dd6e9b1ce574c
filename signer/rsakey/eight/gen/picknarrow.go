package main

import (
	"strconv"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pickNarrow is pick in four lanes, with digits taken ten at a time, and the rest
// two at a time.
func pickNarrow(c *build.Context) {
	p := function(c, "pickNarrow", []string{"out", "table", "index"}, []string{"digits"},
		"pickNarrow is pick in four lanes, for numbers of an even number of digits.")
	out, table, index, digits := p[0], p[1], p[2], p[3]
	k := picking{out: out, table: table, left: digits, from: c.GP64(), stride: c.GP64(), entries: c.GP64(),
		wanted: reg.Y15, entry: reg.Y14, one: reg.Y13, mask: reg.Y12, masked: reg.Y11}
	c.VMOVDQU(at(index, 0), k.wanted)
	c.VPCMPEQQ(k.one, k.one, k.one)
	c.VPSRLQ(operand.Imm(63), k.one, k.one)
	c.MOVQ(digits, k.stride)
	c.SHLQ(operand.Imm(6), k.stride) // bytes of a number
	for _, digits := range []int{10, 2} {
		label := "pickNarrow_" + strconv.Itoa(digits)
		c.Label(label)
		c.CMPQ(k.left, operand.Imm(uint64(digits)))
		c.JLT(operand.LabelRef(label + "_done"))
		k.chunk(c, label, digits)
		c.SUBQ(operand.Imm(uint64(digits)), k.left)
		c.JMP(operand.LabelRef(label))
		c.Label(label + "_done")
	}
	endNarrow(c)
}

type picking struct {
	out, table, left                 reg.Register
	from, stride, entries            reg.GPVirtual
	wanted, entry, one, mask, masked reg.VecPhysical
}

// chunk picks so many digits.
func (k picking) chunk(c *build.Context, label string, digits int) {
	c.VPXOR(k.entry, k.entry, k.entry)
	for i := range digits {
		c.VPXOR(y(i), y(i), y(i))
	}
	c.MOVQ(k.table, k.from)
	c.MOVQ(operand.U32(entries), k.entries)
	c.Label(label + "_entry")
	c.VPCMPEQQ(k.wanted, k.entry, k.mask)
	c.VPADDQ(k.one, k.entry, k.entry)
	for i := range digits {
		c.VPAND(at(k.from, i), k.mask, k.masked)
		c.VPOR(k.masked, y(i), y(i))
	}
	c.ADDQ(k.stride, k.from)
	c.DECQ(k.entries)
	c.JNE(operand.LabelRef(label + "_entry"))
	for i := range digits {
		c.VMOVDQU(y(i), at(k.out, i))
	}
	c.ADDQ(operand.U32(uint32(digits*vectorSize)), k.table)
	c.ADDQ(operand.U32(uint32(digits*vectorSize)), k.out)
}

// y is a register of four lanes.
func y(i int) reg.VecPhysical {
	return [...]reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	}[i]
}

// endNarrow wipes every register of lanes and returns.
func endNarrow(c *build.Context) {
	for i := range 16 {
		c.VPXOR(y(i), y(i), y(i))
	}
	c.VZEROUPPER()
	c.RET()
}

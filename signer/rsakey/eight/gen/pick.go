package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pick reads every entry of the table, and each lane keeps its own one: which
// entry that is changes neither an address nor a branch.
func pick(c *build.Context) {
	p := function(c, "pick", []string{"out", "table", "index"}, []string{"digits"},
		"pick sets each lane of out to that lane of the entry of table which index names, for a table of 32 numbers",
		"of a multiple of ten digits.")
	out, table, index, digits := p[0], p[1], p[2], p[3]
	const chunk = 10
	wanted, entry, one := z(31), z(30), z(29)
	stride, from, left := c.GP64(), c.GP64(), c.GP64()
	c.VMOVDQU64(at(index, 0), wanted)
	c.MOVQ(operand.U32(1), stride)
	c.VPBROADCASTQ(stride, one)
	c.MOVQ(digits, stride)
	c.SHLQ(operand.Imm(6), stride) // bytes of a number
	c.Label("pick_chunk")
	c.VPXORQ(entry, entry, entry)
	for i := range chunk {
		c.VPXORQ(z(i), z(i), z(i))
	}
	c.MOVQ(table, from)
	c.MOVQ(operand.U32(entries), left)
	c.Label("pick_entry")
	c.VPCMPEQQ(wanted, entry, reg.K1)
	c.VPADDQ(one, entry, entry)
	for i := range chunk {
		c.VMOVDQU64(at(from, i), reg.K1, z(i))
	}
	c.ADDQ(stride, from)
	c.DECQ(left)
	c.JNE(operand.LabelRef("pick_entry"))
	for i := range chunk {
		c.VMOVDQU64(z(i), at(out, i))
	}
	c.ADDQ(operand.U32(chunk*vectorSize), table)
	c.ADDQ(operand.U32(chunk*vectorSize), out)
	c.SUBQ(operand.Imm(chunk), digits)
	c.JNE(operand.LabelRef("pick_chunk"))
	c.KXORW(reg.K1, reg.K1, reg.K1)
	end(c)
}

// Command gen writes kernel_amd64.s and kernel_amd64.go of package eight: the
// inner functions of eight RSA operations at once, for processors with AVX-512
// IFMA.
//
// A number is an array of vectors. Vector j holds digit j, of 52 bits, of eight
// numbers, one in each lane of 64 bits; the twelve bits above a digit take up the
// carries of a whole multiplication. No lane ever needs a digit of another one.
//
// Every instruction but those that count is the same for all eight lanes, and
// addresses and branches depend on the number of digits alone: what a lane holds
// cannot change what is executed. Tests of package eight hold the assembly to
// that, and execute its text one instruction after another on any machine.
//
//	go run . FOLDER
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

const (
	digitBits  = 52
	vectorSize = 64 // bytes of a vector
	halfDigits = 20 // digits of a prime of 1,024 bits
	entries    = 32 // numbers in a table of powers
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run . FOLDER")
		os.Exit(2)
	}
	file, err := program()
	if err == nil {
		err = write("kernel_amd64.s", file, printer.NewGoAsm)
	}
	if err == nil {
		err = write("kernel_amd64.go", file, printer.NewStubs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// program is the whole file of functions.
func program() (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("amd64,!purego")
	multiply20(c)
	square20(c)
	multiply(c)
	pick(c)
	multiplyNarrow(c)
	squareNarrow(c)
	pickNarrow(c)
	file, err := c.Result()
	if err != nil {
		return nil, err
	}
	return file, pass.Compile.Execute(file)
}

func write(name string, file *ir.File, form printer.Builder) error {
	data, err := text(file, form)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(os.Args[1], name), data, 0o644)
}

func text(file *ir.File, form printer.Builder) ([]byte, error) {
	data, err := form(printer.Config{Argv: []string{"go", "generate"}, Name: "gen", Pkg: "eight"}).Print(file)
	return append(bytes.TrimRight(data, "\n"), '\n'), err
}

// z is a register of eight lanes.
func z(i int) reg.VecPhysical {
	return [...]reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	}[i]
}

// at is a digit of the number whose digits begin at base.
func at(base reg.Register, digit int) operand.Mem {
	return operand.Mem{Base: base, Disp: digit * vectorSize}
}

// function begins a function whose parameters are pointers, and then numbers of
// 64 bits. It returns the registers that hold them.
func function(c *build.Context, name string, pointers, counts []string, doc ...string) []reg.GPVirtual {
	signature := "func(" + strings.Join(pointers, ", ") + " *uint64"
	if len(counts) > 0 {
		signature += ", " + strings.Join(counts, ", ") + " int"
	}
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.Doc(doc...)
	c.Pragma("noescape")
	c.SignatureExpr(signature + ")")
	var params []reg.GPVirtual
	for _, name := range append(slices.Clone(pointers), counts...) {
		params = append(params, c.Load(c.Param(name), c.GP64()).(reg.GPVirtual))
	}
	return params
}

// end wipes every register of lanes, because they held secrets, and returns.
func end(c *build.Context) {
	for i := range 32 {
		c.VPXORQ(z(i), z(i), z(i))
	}
	c.VZEROUPPER()
	c.RET()
}

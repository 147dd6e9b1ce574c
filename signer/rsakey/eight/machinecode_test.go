package eight

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// instructions are those of a function in kernel_amd64.s.
func instructions(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("kernel_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string][]string{}
	for _, function := range strings.Split(string(text), "\nTEXT ·")[1:] {
		name, body, _ := strings.Cut(function, "(SB)")
		for _, line := range strings.Split(body, "\n")[1:] {
			line = strings.Join(strings.Fields(line), " ")
			if line != "" && !strings.HasPrefix(line, "//") && !strings.HasSuffix(line, ":") {
				functions[name] = append(functions[name], line)
			}
		}
	}
	return functions
}

// place is a register of lanes, or memory at a distance from a general register
// that the text fixes.
const place = `([YZ]\d+|-?\d*\([A-Z0-9]+\))`

// allowed are the forms that an instruction may have. None moves anything from a
// lane, a mask or the memory of a number to a general register, so addresses and
// branches depend on the parameters alone; and none takes longer for some values
// of its operands.
var allowed = []*regexp.Regexp{
	regexp.MustCompile(`^MOVQ (\$0x[0-9a-f]+|\w+\+\d+\(FP\)|[A-D]X|SI|DI|R\d+), ([A-D]X|SI|DI|R\d+)$`),
	regexp.MustCompile(`^LEAQ -?\d*\(\w+\), \w+$`),
	regexp.MustCompile(`^(ADDQ|SUBQ|SHLQ|SHRQ|XORQ|TESTQ) (\$0x[0-9a-f]+|[A-D]X|SI|DI|R\d+), ([A-D]X|SI|DI|R\d+)$`),
	regexp.MustCompile(`^CMPQ ([A-D]X|SI|DI|R\d+), \$0x[0-9a-f]+$`),
	regexp.MustCompile(`^(DECQ|INCQ) \w+$`),
	regexp.MustCompile(`^VMOVDQ(U|A)64 ` + place + `, (K1, )?` + place + `$`),
	regexp.MustCompile(`^VMOVDQ(U|A) ` + place + `, ` + place + `$`),
	regexp.MustCompile(`^V(PMADD52LUQ|PMADD52HUQ|PADDQ|PANDQ|PXORQ) ` + place + `, Z\d+, Z\d+$`),
	regexp.MustCompile(`^V(PMULUDQ|PADDQ|PAND|POR|PXOR|PCMPEQQ) ` + place + `, Y\d+, Y\d+$`),
	regexp.MustCompile(`^VPS(RL|LL)Q (\$0x[0-9a-f]+|X15), ` + place + `, [YZ]\d+$`),
	regexp.MustCompile(`^VPTERNLOGD \$0xff, Z\d+, Z\d+, Z\d+$`),
	regexp.MustCompile(`^VPBROADCASTQ (AX|CX|DX|BX|SI|DI|R\d+), Z\d+$`),
	regexp.MustCompile(`^VMOVQ (AX|CX|DX|BX|SI|DI|R\d+), X15$`),
	regexp.MustCompile(`^VPCMPEQQ Z\d+, Z\d+, K1$`),
	regexp.MustCompile(`^KXORW K1, K1, K1$`),
	regexp.MustCompile(`^(VZEROUPPER|RET)$`),
}

// branches are what may come before a branch: a count is compared, with nothing or
// with a constant.
var branches = map[string]*regexp.Regexp{
	"JNE": regexp.MustCompile(`^(DECQ|SUBQ \$|TESTQ)`),
	"JEQ": regexp.MustCompile(`^TESTQ`),
	"JLT": regexp.MustCompile(`^CMPQ`),
}

func TestAssemblyHasOnlyFormsOfConstantTime(t *testing.T) {
	for name, lines := range instructions(t) {
		for i, line := range lines {
			if !takesConstantTime(line, lines[max(i-1, 0)]) {
				t.Errorf("%s, instruction %d: got %q, want a form that takes the same time for all secrets", name, i, line)
			}
		}
	}
	for _, line := range []string{
		"MOVQ (CX), SI", "MOVQ 8(CX)(SI*8), SI", "VMOVQ X0, AX", "KMOVB K1, AX", "VPEXTRQ $0x01, X0, AX", "VMOVDQU64 (CX)(SI*8), Z0",
		"VPGATHERQQ (CX)(Z1*8), K1, Z0", "DIVQ CX", "VPCONFLICTQ Z0, Z1", "JNE somewhere", "JCS somewhere", "CALL somewhere",
	} {
		if takesConstantTime(line, "VPCMPEQQ Z31, Z30, K1") {
			t.Errorf("instruction %q: got it allowed, want it refused", line)
		}
	}
}

// takesConstantTime reports whether an instruction takes the same time for all
// secrets, after the one before it.
func takesConstantTime(line, before string) bool {
	name, _, _ := strings.Cut(line, " ")
	if condition := branches[name]; condition != nil {
		return condition.MatchString(before)
	}
	return name == "JMP" || slices.ContainsFunc(allowed, func(form *regexp.Regexp) bool { return form.MatchString(line) })
}

// What the assembler made of the text is read back by another program. This finds
// a wrong encoding on machines that cannot execute it.
func TestMachineCodeIsThatOfTheText(t *testing.T) {
	if !hasAssembly {
		t.Skip("NOT TESTED: this build has no assembly")
	}
	if _, err := exec.LookPath("objdump"); err != nil {
		t.Skip("NOT TESTED: objdump of GNU binutils is not installed")
	}
	object := filepath.Join(t.TempDir(), "eight.test")
	if out, err := exec.Command("go", "test", "-c", "-o", object, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for name, lines := range instructions(t) {
		got := disassembled(t, object, name)
		if len(got) != len(lines) {
			t.Fatalf("%s: got %d instructions, want %d", name, len(got), len(lines))
		}
		for i, line := range lines {
			if want := inATT(line); !strings.HasPrefix(got[i], want) {
				t.Errorf("%s, instruction %d: got %q, want %q for %q", name, i, got[i], want, line)
			}
		}
	}
}

// disassembled are the instructions of a function in a program, as objdump writes
// them.
func disassembled(t *testing.T, object, name string) []string {
	t.Helper()
	symbol := "playtoken/signer/rsakey/eight." + name + ".abi0"
	out, err := exec.Command("objdump", "-d", "--no-show-raw-insn", "--disassemble="+symbol, object).CombinedOutput()
	if err != nil {
		t.Fatalf("objdump: %v\n%s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if _, instruction, ok := strings.Cut(strings.TrimSpace(line), ":\t"); ok && !strings.HasPrefix(instruction, "int3") {
			lines = append(lines, strings.Join(strings.Fields(instruction), " "))
		}
	}
	return lines
}

// inATT is an instruction as objdump writes it. Of a branch, it is the name.
func inATT(line string) string {
	name, rest, _ := strings.Cut(line, " ")
	switch name {
	case "JNE", "JMP":
		return strings.ToLower(name) + " "
	case "JEQ":
		return "je "
	case "JLT":
		return "jl "
	case "RET", "VZEROUPPER":
		return strings.ToLower(name)
	case "MOVQ", "LEAQ", "ADDQ", "SUBQ", "SHLQ", "SHRQ", "XORQ", "TESTQ", "CMPQ", "DECQ", "INCQ":
		name = strings.TrimSuffix(name, "Q")
	}
	operands := strings.Split(rest, ", ")
	switch {
	case name == "CMP": // objdump writes what is compared last
		slices.Reverse(operands)
	case name == "SHR" && operands[0] == "$0x01": // is an instruction of its own
		operands = operands[1:]
	}
	if len(operands) == 3 && operands[1] == "K1" && strings.HasPrefix(name, "VMOVDQ") {
		operands = []string{operands[0], operands[2] + "{%k1}"}
	}
	for i, operand := range operands {
		operands[i] = operandInATT(operand)
	}
	return strings.ToLower(name) + " " + strings.Join(operands, ",")
}

var (
	frameForm    = regexp.MustCompile(`^\w+\+(\d+)\(FP\)$`)
	constantForm = regexp.MustCompile(`^\$(0x[0-9a-f]+)$`)
	placeForm    = regexp.MustCompile(`^(-?\d+)?\((\w+)\)$`)
)

func operandInATT(operand string) string {
	if frame := frameForm.FindStringSubmatch(operand); frame != nil {
		offset, _ := strconv.Atoi(frame[1])
		return fmt.Sprintf("%#x(%%rsp)", offset+8) // above the address to return to
	}
	if constant := constantForm.FindStringSubmatch(operand); constant != nil {
		x, _ := strconv.ParseUint(constant[1], 0, 64)
		return fmt.Sprintf("$%#x", x)
	}
	if place := placeForm.FindStringSubmatch(operand); place != nil {
		offset, _ := strconv.Atoi(place[1])
		switch {
		case offset < 0:
			return fmt.Sprintf("-%#x(%s)", -offset, registerInATT(place[2]))
		case offset > 0:
			return fmt.Sprintf("%#x(%s)", offset, registerInATT(place[2]))
		}
		return "(" + registerInATT(place[2]) + ")"
	}
	return registerInATT(operand)
}

func registerInATT(name string) string {
	switch {
	case strings.ContainsRune("XYZ", rune(name[0])):
		return "%" + strings.ToLower(name[:1]) + "mm" + name[1:]
	case name[0] == 'K', name[0] == 'R':
		return "%" + strings.ToLower(name)
	}
	return "%r" + strings.ToLower(name)
}

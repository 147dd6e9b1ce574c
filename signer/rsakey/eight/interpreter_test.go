package eight

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// machine executes the functions of kernel_amd64.s for AVX-512 IFMA, from their
// text, one instruction after another, on any processor.
type machine struct {
	programs map[string][]step
	memory   []uint64 // of which the first is at address 0
	params   map[string]uint64
	general  [16]uint64
	lanes    [32]vector
	mask     uint8 // of the only mask register that the functions use
	zero     bool  // whether the last instruction that counts made zero
}

// step is an instruction: it returns where to go on, relative to itself.
type step func(*machine) int

// newMachine reads the file.
func newMachine(t testing.TB) *machine {
	t.Helper()
	text, err := os.ReadFile("kernel_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{programs: map[string][]step{}}
	for _, function := range strings.Split(string(text), "\nTEXT ·")[1:] {
		name, body, _ := strings.Cut(function, "(SB)")
		if !strings.HasSuffix(name, "Narrow") { // those are executed natively
			m.programs[name] = program(t, body)
		}
	}
	return m
}

// program decodes the lines of a function after the first.
func program(t testing.TB, body string) []step {
	t.Helper()
	labels, lines := map[string]int{}, []string{}
	for _, line := range strings.Split(body, "\n")[1:] {
		line = strings.TrimSpace(line)
		if label, ok := strings.CutSuffix(line, ":"); ok {
			labels[label] = len(lines)
		} else if line != "" && !strings.HasPrefix(line, "//") {
			lines = append(lines, line)
		}
	}
	var steps []step
	for at, line := range lines {
		name, rest, _ := strings.Cut(line, " ")
		operands := strings.Split(strings.TrimSpace(rest), ", ")
		step, err := decode(name, operands, func(label string) int { return labels[label] - at })
		if err != nil {
			t.Fatalf("line %q: got %v, want an instruction that the interpreter knows", line, err)
		}
		steps = append(steps, step)
	}
	return steps
}

// ifma is what the instructions take of their factors.
const ifma = radix(52)

// stop is where RET goes.
const stop = 1 << 30

func decode(name string, operands []string, distance func(string) int) (step, error) {
	switch name {
	case "RET":
		return func(*machine) int { return stop }, nil
	case "JNE":
		to := distance(operands[0])
		return func(m *machine) int {
			if m.zero {
				return 1
			}
			return to
		}, nil
	case "MOVQ", "LEAQ", "ADDQ", "SUBQ", "DECQ", "SHLQ":
		return decodeCount(name, operands)
	case "VZEROUPPER":
		return func(*machine) int { return 1 }, nil
	case "KXORW":
		return func(m *machine) int { m.mask = 0; return 1 }, allMask(operands)
	}
	return decodeLanes(name, operands)
}

// allMask fails if an operand is not the only mask register that is used.
func allMask(operands []string) error {
	for _, o := range operands {
		if o != "K1" {
			return fmt.Errorf("%s: only K1 is known", o)
		}
	}
	return nil
}

// decodeCount decodes an instruction on general registers.
func decodeCount(name string, operands []string) (step, error) {
	to, err := generalRegister(operands[len(operands)-1])
	if err != nil {
		return nil, err
	}
	value := func(m *machine) uint64 { return 1 } // DECQ
	if name == "LEAQ" {
		value, err = address(operands[0])
	} else if name != "DECQ" {
		value, err = count(operands[0])
	}
	return func(m *machine) int {
		switch x := value(m); name {
		case "MOVQ", "LEAQ":
			m.general[to] = x
			return 1
		case "SHLQ":
			m.general[to] <<= x
		case "ADDQ":
			m.general[to] += x
		default:
			m.general[to] -= x
		}
		m.zero = m.general[to] == 0
		return 1
	}, err
}

func generalRegister(name string) (int, error) {
	for i, known := range []string{"AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"} {
		if name == known && name != "SP" && name != "BP" && name != "R14" { // those are Go's
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s: not a general register that a function may use", name)
}

var paramForm = regexp.MustCompile(`^(\w+)\+\d+\(FP\)$`)

// count is the value of a constant, a parameter or a general register.
func count(operand string) (func(*machine) uint64, error) {
	if param := paramForm.FindStringSubmatch(operand); param != nil {
		return func(m *machine) uint64 { return m.params[param[1]] }, nil
	}
	if constant, ok := strings.CutPrefix(operand, "$"); ok {
		x, err := strconv.ParseUint(constant, 0, 64)
		return func(*machine) uint64 { return x }, err
	}
	r, err := generalRegister(operand)
	return func(m *machine) uint64 { return m.general[r] }, err
}

var memoryForm = regexp.MustCompile(`^(-?\d+)?\(([A-Z0-9]+)\)$`)

func address(operand string) (func(*machine) uint64, error) {
	parts := memoryForm.FindStringSubmatch(operand)
	if parts == nil {
		return nil, fmt.Errorf("%s: not a place in memory", operand)
	}
	offset, _ := strconv.Atoi(parts[1])
	base, err := generalRegister(parts[2])
	return func(m *machine) uint64 { return m.general[base] + uint64(offset) }, err
}

// lanes is the register or the memory of an operand.
func lanes(operand string) (func(*machine) *vector, error) {
	if number, ok := strings.CutPrefix(operand, "Z"); ok {
		r, err := strconv.Atoi(number)
		return func(m *machine) *vector { return &m.lanes[r] }, err
	}
	at, err := address(operand)
	return func(m *machine) *vector {
		first := at(m) / 8
		return (*vector)(m.memory[first : first+Lanes]) // beyond the numbers of the call it panics
	}, err
}

// decodeLanes decodes an instruction on eight lanes.
func decodeLanes(name string, operands []string) (step, error) {
	last := operands[len(operands)-1]
	switch {
	case name == "VPBROADCASTQ":
		from, err := count(operands[0])
		to, err2 := lanes(last)
		return func(m *machine) int {
			for lane := range Lanes {
				to(m)[lane] = from(m)
			}
			return 1
		}, firstOf(err, err2)
	case name == "VPCMPEQQ":
		x, err := lanes(operands[0])
		y, err2 := lanes(operands[1])
		return func(m *machine) int {
			m.mask = 0
			for lane := range Lanes {
				if x(m)[lane] == y(m)[lane] {
					m.mask |= 1 << lane
				}
			}
			return 1
		}, firstOf(err, err2, allMask(operands[2:]))
	case strings.HasPrefix(name, "VMOVDQ"):
		return decodeMove(operands)
	case name == "VPTERNLOGD" && operands[0] == "$0xff": // sets all bits
		to, err := lanes(last)
		return func(m *machine) int {
			for lane := range Lanes {
				to(m)[lane] = ^uint64(0)
			}
			return 1
		}, err
	}
	return decodeSum(name, operands)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func decodeMove(operands []string) (step, error) {
	from, err := lanes(operands[0])
	to, err2 := lanes(operands[len(operands)-1])
	masked := len(operands) == 3
	return func(m *machine) int {
		x, out := from(m), to(m)
		for lane := range Lanes {
			if !masked || m.mask>>lane&1 == 1 {
				out[lane] = x[lane]
			}
		}
		return 1
	}, firstOf(err, err2, allMask(operands[1:len(operands)-1]))
}

// decodeSum decodes an instruction whose result in a lane depends on that lane
// alone.
func decodeSum(name string, operands []string) (step, error) {
	combine := map[string]func(x, y, before uint64) uint64{
		"VPADDQ":      func(x, y, _ uint64) uint64 { return x + y },
		"VPANDQ":      func(x, y, _ uint64) uint64 { return x & y },
		"VPXORQ":      func(x, y, _ uint64) uint64 { return x ^ y },
		"VPMADD52LUQ": func(x, y, before uint64) uint64 { return before + ifma.low(x&ifma.mask(), y&ifma.mask()) },
		"VPMADD52HUQ": func(x, y, before uint64) uint64 { return before + ifma.high(x&ifma.mask(), y&ifma.mask()) },
	}[name]
	y, err := lanes(operands[1])
	out, err2 := lanes(operands[2])
	if name == "VPSRLQ" {
		shift, err3 := count(operands[0])
		return func(m *machine) int {
			by, to := shift(m), out(m)
			for lane, digit := range y(m) {
				to[lane] = digit >> by
			}
			return 1
		}, firstOf(err, err2, err3)
	}
	x, err3 := lanes(operands[0])
	if combine == nil {
		err = fmt.Errorf("%s: not an instruction that the interpreter knows", name)
	}
	return func(m *machine) int {
		a, b, to := *x(m), *y(m), out(m)
		for lane := range Lanes {
			to[lane] = combine(a[lane], b[lane], to[lane])
		}
		return 1
	}, firstOf(err, err2, err3)
}

// call runs a function. Numbers are copied to the machine's memory and back. It
// panics if the function reads or writes beyond them, or leaves anything in a
// register of lanes.
func (m *machine) call(name string, digits int, params map[string]number) {
	m.params, m.memory = map[string]uint64{"digits": uint64(digits)}, m.memory[:0]
	places := map[*vector]uint64{} // the same number is in the same place
	for name, n := range params {
		at, known := places[&n[0]]
		if !known {
			at = uint64(len(m.memory)) * 8
			places[&n[0]] = at
			for _, v := range n {
				m.memory = append(m.memory, v[:]...)
			}
		}
		m.params[name] = at
	}
	m.memory = m.memory[:len(m.memory):len(m.memory)]
	for at, steps := 0, m.programs[name]; at < len(steps); {
		at += steps[at](m)
	}
	for name, n := range params {
		for j := range n {
			copy(n[j][:], m.memory[m.params[name]/8+uint64(j*Lanes):])
		}
	}
	if m.lanes != [32]vector{} || m.mask != 0 {
		panic(fmt.Sprintf("registers after %s: got %x, want them wiped", name, m.lanes))
	}
}

package eight

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// machine executes the text of kernel_amd64.s, one instruction after another, on
// any processor.
type machine struct {
	programs map[string]*program
	memory   []uint64
	general  map[string]uint64
	lanes    map[string]*vector
	masks    map[string]uint8
	params   map[string]uint64
	zero     bool // whether the last instruction that counts made zero
	executed int
}

type program struct {
	steps  []step
	labels map[string]int
}

type step struct {
	name     string
	operands []string
}

// newMachine reads the file.
func newMachine(t testing.TB) *machine {
	t.Helper()
	text, err := os.ReadFile("kernel_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{programs: map[string]*program{}}
	var current *program
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch fields := strings.Fields(line); {
		case line == "" || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "#"):
		case fields[0] == "TEXT":
			current = &program{labels: map[string]int{}}
			m.programs[strings.TrimSuffix(strings.TrimPrefix(fields[1], "·"), "(SB),")] = current
		case strings.HasSuffix(line, ":"):
			current.labels[strings.TrimSuffix(line, ":")] = len(current.steps)
		default:
			operands := strings.Split(strings.TrimSpace(strings.TrimPrefix(line, fields[0])), ", ")
			current.steps = append(current.steps, step{fields[0], operands})
		}
	}
	return m
}

// call runs a function. Numbers are copied to the machine's memory and back.
func (m *machine) call(t testing.TB, name string, digits int, params map[string]number) {
	t.Helper()
	m.general, m.lanes, m.masks = map[string]uint64{}, map[string]*vector{}, map[string]uint8{}
	m.params, m.memory, m.executed = map[string]uint64{"digits": uint64(digits)}, make([]uint64, Lanes), 0
	for i := range 32 {
		m.lanes["Z"+strconv.Itoa(i)] = &vector{}
	}
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
	m.run(t, m.programs[name])
	for name, n := range params {
		for j := range n {
			copy(n[j][:], m.memory[m.params[name]/8+uint64(j*Lanes):])
		}
	}
	for name, v := range m.lanes {
		if *v != (vector{}) {
			t.Errorf("%s after the function: got %x, want it wiped", name, *v)
		}
	}
}

func (m *machine) run(t testing.TB, p *program) {
	t.Helper()
	for at := 0; ; at++ {
		s := p.steps[at]
		m.executed++
		switch s.name {
		case "RET":
			return
		case "JNE":
			if !m.zero {
				at = p.labels[s.operands[0]] - 1
			}
		case "MOVQ", "LEAQ", "ADDQ", "SUBQ", "DECQ", "SHLQ":
			m.count(t, s)
		default:
			m.compute(t, s)
		}
	}
}

// count executes an instruction on the general registers.
func (m *machine) count(t testing.TB, s step) {
	t.Helper()
	last := s.operands[len(s.operands)-1]
	switch s.name {
	case "MOVQ":
		m.general[last] = m.value(t, s.operands[0])
	case "LEAQ":
		m.general[last] = m.address(t, s.operands[0])
	case "SHLQ":
		m.general[last] <<= m.value(t, s.operands[0])
	case "ADDQ":
		m.general[last] += m.value(t, s.operands[0])
	case "SUBQ":
		m.general[last] -= m.value(t, s.operands[0])
	case "DECQ":
		m.general[last]--
	}
	m.zero = m.general[last] == 0
}

var memoryForm = regexp.MustCompile(`^(-?\d+)?\(([A-Z0-9]+)\)$`)
var paramForm = regexp.MustCompile(`^(\w+)\+\d+\(FP\)$`)

func (m *machine) address(t testing.TB, operand string) uint64 {
	t.Helper()
	parts := memoryForm.FindStringSubmatch(operand)
	if parts == nil {
		t.Fatalf("operand: got %q, want memory", operand)
	}
	offset, _ := strconv.Atoi(parts[1])
	return m.general[parts[2]] + uint64(offset)
}

// value is that of a constant, a parameter or a general register.
func (m *machine) value(t testing.TB, operand string) uint64 {
	t.Helper()
	if param := paramForm.FindStringSubmatch(operand); param != nil {
		return m.params[param[1]]
	}
	if constant, ok := strings.CutPrefix(operand, "$"); ok {
		v, err := strconv.ParseUint(constant, 0, 64)
		if err != nil {
			t.Fatalf("constant: got %q, want a number", operand)
		}
		return v
	}
	return m.general[operand]
}

// vector is the register or the memory of an operand.
func (m *machine) vector(t testing.TB, operand string) *vector {
	t.Helper()
	if v, ok := m.lanes[operand]; ok {
		return v
	}
	at := m.address(t, operand)
	if at%8 != 0 || at < 64 || at/8+Lanes > uint64(len(m.memory)) {
		t.Fatalf("operand %s: got address %d, want one of the %d bytes of a number", operand, at, len(m.memory)*8)
	}
	return (*vector)(m.memory[at/8 : at/8+Lanes])
}

// compute executes an instruction on all lanes.
func (m *machine) compute(t testing.TB, s step) {
	t.Helper()
	last := s.operands[len(s.operands)-1]
	switch s.name {
	case "VZEROUPPER":
		return
	case "KXORW":
		m.masks[last] = m.masks[s.operands[0]] ^ m.masks[s.operands[1]]
		return
	case "VPBROADCASTQ":
		for lane := range Lanes {
			m.lanes[last][lane] = m.general[s.operands[0]]
		}
		return
	case "VPCMPEQQ":
		m.masks[last] = 0
		for lane := range Lanes {
			if m.vector(t, s.operands[0])[lane] == m.vector(t, s.operands[1])[lane] {
				m.masks[last] |= 1 << lane
			}
		}
		return
	}
	m.computeVector(t, s, m.vector(t, last))
}

func (m *machine) computeVector(t testing.TB, s step, out *vector) {
	t.Helper()
	switch s.name {
	case "VMOVDQU64", "VMOVDQA64":
		from, mask := *m.vector(t, s.operands[0]), uint8(0xff)
		if len(s.operands) == 3 {
			mask = m.masks[s.operands[1]]
		}
		for lane := range Lanes {
			if mask>>lane&1 == 1 {
				out[lane] = from[lane]
			}
		}
	case "VPTERNLOGD":
		if s.operands[0] != "$0xff" {
			t.Fatalf("VPTERNLOGD %s: got another constant, want 0xff, which sets all bits", s.operands[0])
		}
		for lane := range Lanes {
			out[lane] = ^uint64(0)
		}
	case "VPSRLQ":
		shift, from := m.value(t, s.operands[0]), *m.vector(t, s.operands[1])
		for lane := range Lanes {
			out[lane] = from[lane] >> shift
		}
	default:
		x, y := *m.vector(t, s.operands[0]), *m.vector(t, s.operands[1])
		for lane := range Lanes {
			out[lane] = combine(t, s.name, x[lane], y[lane], out[lane])
		}
	}
}

// combine is what an instruction makes of one lane of two operands and of what
// its result held before.
func combine(t testing.TB, name string, x, y, before uint64) uint64 {
	t.Helper()
	switch name {
	case "VPADDQ":
		return x + y
	case "VPANDQ":
		return x & y
	case "VPXORQ":
		return x ^ y
	case "VPMADD52LUQ":
		return before + lowDigit(x&digitMask, y&digitMask)
	case "VPMADD52HUQ":
		return before + highDigit(x&digitMask, y&digitMask)
	}
	t.Fatalf("instruction: got %s, want one that the interpreter knows", name)
	return 0
}

package eight

import (
	"crypto/rand"
	"math/big"
	mathrand "math/rand/v2"
	"testing"
)

func toBig(n number, lane int) *big.Int {
	x := new(big.Int)
	for j := len(n) - 1; j >= 0; j-- {
		x.Lsh(x, digitBits).Or(x, new(big.Int).SetUint64(n[j][lane]))
	}
	return x
}

func fromBig(n number, lane int, x *big.Int) {
	x = new(big.Int).Set(x)
	for j := range n {
		n[j][lane] = x.Uint64() & digitMask
		x.Rsh(x, digitBits)
	}
}

func randomBelow(limit *big.Int) *big.Int {
	x, _ := rand.Int(rand.Reader, limit)
	return x
}

// extreme is a number below a limit whose digits are mostly zero, or mostly ones.
func extreme(limit *big.Int) *big.Int {
	x := new(big.Int)
	for range limit.BitLen()/digitBits + 1 {
		digit := [...]uint64{0, digitMask, 1, digitMask - 1, 1 << (digitBits - 1), mathrand.Uint64() & digitMask}[mathrand.IntN(6)]
		x.Lsh(x, digitBits).Or(x, new(big.Int).SetUint64(digit))
	}
	return x.Mod(x, limit)
}

// arithmetics are those that must agree: the portable one, the text of the
// assembly executed step by step, and the assembly itself where this processor
// has the instructions.
func arithmetics(t testing.TB) map[string]arithmetic {
	all := map[string]arithmetic{"portable": portable(), "interpreted": newMachine(t).arithmetic()}
	if fast() {
		all["native"] = native()
	} else {
		t.Log("NOT TESTED natively: this processor has no AVX-512 IFMA")
	}
	return all
}

// arithmetic calls the functions as nativeMultiply and its like do.
func (m *machine) arithmetic() arithmetic {
	multiply := func(out, a, b, modulus number, k0 *vector, work number) {
		params := map[string]number{"out": out, "a": a, "b": b, "m": modulus, "k0": {*k0}}
		if len(modulus) == 20 {
			m.call("multiply20", 0, params)
			return
		}
		params["scratch"] = work[:len(modulus)+2]
		m.call("multiply", len(modulus), params)
	}
	square := func(out, a, modulus number, k0 *vector, work number) {
		if len(modulus) != 20 {
			multiply(out, a, a, modulus, k0, work)
			return
		}
		m.call("square20", 0, map[string]number{"out": out, "a": a, "m": modulus, "k0": {*k0}, "scratch": work[:20]})
	}
	pick := func(out, table number, entry *vector) {
		m.call("pick", len(out), map[string]number{"out": out, "table": table, "index": {*entry}})
	}
	return arithmetic{multiply: multiply, square: square, pick: pick}
}

// operands are random and extreme factors below 64m, for moduli of all but
// thirteen bits at most.
func operands(digits, bits int) (m, a, b number, k0 *vector) {
	m, a, b, k0 = make(number, digits), make(number, digits), make(number, digits), &vector{}
	for lane := range Lanes {
		top := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		choose := [...]func(*big.Int) *big.Int{randomBelow, extreme}[lane%2]
		modulus := new(big.Int).Add(choose(top), top)
		modulus.SetBit(modulus, 0, 1)
		limit := new(big.Int).Lsh(modulus, 6)
		setLane(m, a, b, k0, lane, modulus, choose(limit), choose(limit))
	}
	return m, a, b, k0
}

// setLane fills one lane of operands.
func setLane(m, a, b number, k0 *vector, lane int, modulus, x, y *big.Int) {
	fromBig(m, lane, modulus)
	fromBig(a, lane, x)
	fromBig(b, lane, y)
	inverse := new(big.Int).ModInverse(modulus, radix(1))
	k0[lane] = new(big.Int).Sub(radix(1), inverse).Uint64()
}

func TestProductsAreThoseOfMathBig(t *testing.T) {
	for name, engine := range arithmetics(t) {
		for digits, bits := range map[int]int{20: 1024, 30: 1536, 40: 2048, 60: 3072, 80: 4096} {
			rounds := 200
			if digits > 20 || name == "interpreted" {
				rounds = 10
			}
			for range rounds {
				m, a, b, k0 := operands(digits, bits)
				out, work := make(number, digits), make(number, digits+2)
				engine.multiply(out, a, b, m, k0, work)
				compare(t, name+" product", out, a, b, m)
				if digits == 20 {
					engine.square(a, a, m, k0, work)
					before := make(number, digits)
					engine.multiply(before, b, b, m, k0, work)
					compare(t, name+" square", before, b, b, m)
					engine.square(b, b, m, k0, work)
					for j := range b {
						if b[j] != before[j] {
							t.Fatalf("%s: digit %d of a square: got %x, want %x as the product has", name, j, b[j], before[j])
						}
					}
				}
			}
		}
	}
}

// compare fails if out is not a·b/R, or not less than 2m.
func compare(t *testing.T, name string, out, a, b, m number) {
	t.Helper()
	for lane := range Lanes {
		modulus := toBig(m, lane)
		want := new(big.Int).Mul(toBig(a, lane), toBig(b, lane))
		want.Mul(want, new(big.Int).ModInverse(radix(len(m)), modulus)).Mod(want, modulus)
		got := toBig(out, lane)
		if new(big.Int).Mod(got, modulus).Cmp(want) != 0 || got.Cmp(new(big.Int).Lsh(modulus, 1)) >= 0 {
			t.Fatalf("%s of %d digits, lane %d: got %x, want %x modulo %x", name, len(m), lane, got, want, modulus)
		}
	}
}

func TestEachLanePicksItsEntry(t *testing.T) {
	for name, engine := range arithmetics(t) {
		for _, digits := range []int{20, 30, 40} {
			table, out := make(number, 32*digits), make(number, digits)
			for i := range table {
				for lane := range Lanes {
					table[i][lane] = uint64(i*Lanes + lane)
				}
			}
			var entry vector
			for lane := range Lanes {
				entry[lane] = mathrand.Uint64N(32)
			}
			engine.pick(out, table, &entry)
			for j := range out {
				for lane := range Lanes {
					want := (entry[lane]*uint64(digits)+uint64(j))*Lanes + uint64(lane)
					if got := out[j][lane]; got != want {
						t.Fatalf("%s: digit %d of entry %d, lane %d: got %d, want %d", name, j, entry[lane], lane, got, want)
					}
				}
			}
		}
	}
}

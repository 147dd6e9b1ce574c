package eight

import (
	"crypto/rand"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"testing"
)

func (r radix) toBig(n number, lane int) *big.Int {
	x := new(big.Int)
	for j := len(n) - 1; j >= 0; j-- {
		x.Lsh(x, uint(r)).Or(x, new(big.Int).SetUint64(n[j][lane]))
	}
	return x
}

func (r radix) fromBig(n number, lane int, x *big.Int) {
	x = new(big.Int).Set(x)
	for j := range n {
		n[j][lane] = x.Uint64() & r.mask()
		x.Rsh(x, uint(r))
	}
}

// power is 2 to the number of bits of all digits.
func (r radix) power(digits int) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(digits)*uint(r))
}

func randomBelow(limit *big.Int) *big.Int {
	x, _ := rand.Int(rand.Reader, limit)
	return x
}

// extreme is a number below a limit whose digits are mostly zero, or mostly ones.
func (r radix) extreme(limit *big.Int) *big.Int {
	x := new(big.Int)
	for range limit.BitLen()/int(r) + 1 {
		digit := [...]uint64{0, r.mask(), 1, r.mask() - 1, 1 << (r - 1), mathrand.Uint64() & r.mask()}[mathrand.IntN(6)]
		x.Lsh(x, uint(r)).Or(x, new(big.Int).SetUint64(digit))
	}
	return x.Mod(x, limit)
}

// arithmetics are those that must agree: the portable one, the text of the
// assembly for AVX-512 IFMA executed step by step, and what this processor can
// execute itself.
func arithmetics(t testing.TB) map[string]arithmetic {
	all := map[string]arithmetic{
		"portable, wide":   portable(wideForms()),
		"portable, narrow": portable(narrowForms()),
	}
	addNative(t, all)
	return all
}

// operands are random and extreme factors below 64m, for moduli of all but
// thirteen bits at most.
func (r radix) operands(digits, bits int) (m, a, b number, k0 *vector) {
	m, a, b, k0 = make(number, digits), make(number, digits), make(number, digits), &vector{}
	for lane := range Lanes {
		top := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		choose := [...]func(*big.Int) *big.Int{randomBelow, r.extreme}[lane%2]
		modulus := new(big.Int).Add(choose(top), top)
		modulus.SetBit(modulus, 0, 1)
		limit := new(big.Int).Lsh(modulus, 6)
		r.setLane(m, a, b, k0, lane, modulus, choose(limit), choose(limit))
	}
	return m, a, b, k0
}

// setLane fills one lane of operands.
func (r radix) setLane(m, a, b number, k0 *vector, lane int, modulus, x, y *big.Int) {
	r.fromBig(m, lane, modulus)
	r.fromBig(a, lane, x)
	r.fromBig(b, lane, y)
	inverse := new(big.Int).ModInverse(modulus, r.power(1))
	k0[lane] = new(big.Int).Sub(r.power(1), inverse).Uint64()
}

func TestProductsAreThoseOfMathBig(t *testing.T) {
	for name, engine := range arithmetics(t) {
		for bits, form := range engine.forms {
			rounds := 200
			if name == "interpreted" || underRace {
				rounds = 20
			}
			for range rounds {
				compareProducts(t, name, engine, form, bits/2)
			}
			compareProducts(t, name, engine, form.doubled(), bits)
		}
	}
}

// compareProducts compares a product and a square of random and extreme numbers.
func compareProducts(t *testing.T, name string, engine arithmetic, f form, bits int) {
	t.Helper()
	m, a, b, k0 := f.radix.operands(f.digits, bits)
	product, square, work := make(number, f.digits), make(number, f.digits), make(number, f.digits+2)
	engine.multiply(product, a, b, m, k0, work, f.full())
	f.compare(t, name+": product", product, a, b, m)
	engine.square(square, a, m, k0, work, f.full())
	f.compare(t, name+": square", square, a, a, m)
	before := slices.Clone(a)
	engine.square(a, a, m, k0, work, f.full())
	f.compare(t, name+": square in place", a, before, before, m)
	before = slices.Clone(b)
	engine.multiply(b, product, b, m, k0, work, f.full())
	f.compare(t, name+": product in place", b, product, before, m)
}

// full is the shape of a batch that needs all lanes.
func (f form) full() shape { return shape{radix: f.radix, lanes: Lanes} }

// compare fails if out is not a·b/R, or not less than 2m.
func (f form) compare(t *testing.T, name string, out, a, b, m number) {
	t.Helper()
	for lane := range Lanes {
		modulus := f.radix.toBig(m, lane)
		want := new(big.Int).Mul(f.radix.toBig(a, lane), f.radix.toBig(b, lane))
		want.Mul(want, new(big.Int).ModInverse(f.radix.power(f.digits), modulus)).Mod(want, modulus)
		got := f.radix.toBig(out, lane)
		if new(big.Int).Mod(got, modulus).Cmp(want) != 0 || got.Cmp(new(big.Int).Lsh(modulus, 1)) >= 0 {
			t.Fatalf("%s of %d digits, lane %d: got %x, want %x modulo %x", name, f.digits, lane, got, want, modulus)
		}
	}
}

func TestEachLanePicksItsEntry(t *testing.T) {
	for name, engine := range arithmetics(t) {
		for _, form := range engine.forms {
			digits := form.digits
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
			engine.pick(out, table, &entry, form.full())
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

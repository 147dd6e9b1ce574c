//go:build amd64 && !purego

package eight

import "testing"

const hasAssembly = true

// addNative adds what this processor can execute, and the interpreted functions.
func addNative(t testing.TB, all map[string]arithmetic) {
	all["interpreted"] = newMachine(t).arithmetic()
	if hasWide() {
		all["wide"] = wide()
	} else {
		t.Log("NOT TESTED natively: this processor has no AVX-512 IFMA")
	}
	if hasNarrow() {
		all["narrow"] = narrow()
	} else {
		t.Log("NOT TESTED natively: this processor has no AVX2")
	}
}

// arithmetic calls the functions as wideMultiply and its like do.
func (m *machine) arithmetic() arithmetic {
	multiply := func(out, a, b, modulus number, k0 *vector, work number, _ shape) {
		params := map[string]number{"out": out, "a": a, "b": b, "m": modulus, "k0": {*k0}}
		if len(modulus) == 20 {
			m.call("multiply20", 0, params)
			return
		}
		params["scratch"] = work[:len(modulus)+2]
		m.call("multiply", len(modulus), params)
	}
	square := func(out, a, modulus number, k0 *vector, work number, _ shape) {
		if len(modulus) != 20 {
			multiply(out, a, a, modulus, k0, work, shape{radix: ifma, lanes: Lanes})
			return
		}
		m.call("square20", 0, map[string]number{"out": out, "a": a, "m": modulus, "k0": {*k0}, "scratch": work[:20]})
	}
	pick := func(out, table number, entry *vector, _ shape) {
		m.call("pick", len(out), map[string]number{"out": out, "table": table, "index": {*entry}})
	}
	return arithmetic{forms: wideForms(), multiply: multiply, square: square, pick: pick, cost: neverPays}
}

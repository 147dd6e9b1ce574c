//go:build amd64 && !purego

package eight

import "golang.org/x/sys/cpu"

// hasWide reports whether the processor and the operating system have what the
// functions for AVX-512 IFMA need.
func hasWide() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512IFMA }

func hasNarrow() bool { return cpu.X86.HasAVX2 }

// wide is the arithmetic of AVX-512 IFMA.
func wide() arithmetic {
	return arithmetic{
		forms: wideForms(), multiply: wideMultiply, square: wideSquare, pick: widePick,
		step: Lanes, cost: WideCost,
	}
}

func wideMultiply(out, a, b, m number, k0 *vector, work number, _ shape) {
	if len(m) == 20 {
		multiply20(&out[0][0], &a[0][0], &b[0][0], &m[0][0], &k0[0])
		return
	}
	multiply(&out[0][0], &a[0][0], &b[0][0], &m[0][0], &k0[0], &work[0][0], len(m))
}

func wideSquare(out, a, m number, k0 *vector, work number, _ shape) {
	if len(m) == 20 {
		square20(&out[0][0], &a[0][0], &m[0][0], &k0[0], &work[0][0])
		return
	}
	multiply(&out[0][0], &a[0][0], &a[0][0], &m[0][0], &k0[0], &work[0][0], len(m))
}

func widePick(out, table number, entry *vector, _ shape) {
	pick(&out[0][0], &table[0][0], &entry[0], len(out))
}

// narrow is the arithmetic of AVX2, whose functions compute four lanes at a time.
func narrow() arithmetic {
	return arithmetic{
		forms: narrowForms(), multiply: narrowMultiply, square: narrowSquare, pick: narrowPick,
		step: Lanes / 2, cost: NarrowCost,
	}
}

func narrowMultiply(out, a, b, m number, k0 *vector, work number, s shape) {
	for lane := 0; lane < s.lanes; lane += 4 {
		multiplyNarrow(&out[0][lane], &a[0][lane], &b[0][lane], &m[0][lane], &k0[lane], &work[0][lane], len(m), int(s.radix))
	}
}

func narrowSquare(out, a, m number, k0 *vector, work number, s shape) {
	for lane := 0; lane < s.lanes; lane += 4 {
		squareNarrow(&out[0][lane], &a[0][lane], &m[0][lane], &k0[lane], &work[0][lane], len(m), int(s.radix))
	}
}

func narrowPick(out, table number, entry *vector, s shape) {
	for lane := 0; lane < s.lanes; lane += 4 {
		pickNarrow(&out[0][lane], &table[0][lane], &entry[lane], len(out))
	}
}

// best is the fastest arithmetic of this processor. It reports false where that
// is the portable one.
func best() (arithmetic, bool) {
	switch {
	case hasWide():
		return wide(), true
	case hasNarrow():
		return narrow(), true
	}
	return portable(wideForms()), false
}

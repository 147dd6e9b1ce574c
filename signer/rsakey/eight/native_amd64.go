//go:build amd64 && !purego

package eight

import "golang.org/x/sys/cpu"

// fast reports whether the processor and the operating system have what the
// functions of kernel_amd64.s need.
func fast() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512IFMA }

// native is the arithmetic of AVX-512 IFMA.
func native() arithmetic {
	return arithmetic{multiply: nativeMultiply, square: nativeSquare, pick: nativePick}
}

func nativeMultiply(out, a, b, m number, k0 *vector, work number) {
	if len(m) == 20 {
		multiply20(&out[0][0], &a[0][0], &b[0][0], &m[0][0], &k0[0])
		return
	}
	multiply(&out[0][0], &a[0][0], &b[0][0], &m[0][0], &k0[0], &work[0][0], len(m))
}

func nativeSquare(out, a, m number, k0 *vector, work number) {
	if len(m) == 20 {
		square20(&out[0][0], &a[0][0], &m[0][0], &k0[0], &work[0][0])
		return
	}
	multiply(&out[0][0], &a[0][0], &a[0][0], &m[0][0], &k0[0], &work[0][0], len(m))
}

func nativePick(out, table number, entry *vector) {
	pick(&out[0][0], &table[0][0], &entry[0], len(out))
}

package eight

import "math/bits"

// portable is the arithmetic of any processor, one lane after another.
func portable() arithmetic {
	return arithmetic{
		multiply: portableMultiply,
		square:   func(out, a, m number, k0 *vector, work number) { portableMultiply(out, a, a, m, k0, work) },
		pick:     portablePick,
	}
}

func portableMultiply(out, a, b, m number, k0 *vector, work number) {
	columns := work[:len(m)+1]
	clear(columns)
	for i := range b {
		for lane := range Lanes {
			low := columns[0][lane] + lowDigit(a[0][lane], b[i][lane])
			q := low * k0[lane] & digitMask
			addProducts(columns, a, m, lane, b[i][lane], q)
		}
	}
	var carry vector
	for j := range out {
		for lane := range Lanes {
			sum := columns[j][lane] + carry[lane]
			out[j][lane], carry[lane] = sum&digitMask, sum>>digitBits
		}
	}
}

// addProducts adds a·digit + m·q in one lane and moves the columns down by one,
// of which the lowest is zero by the choice of q.
func addProducts(columns, a, m number, lane int, digit, q uint64) {
	carry := (columns[0][lane] + lowDigit(a[0][lane], digit) + lowDigit(m[0][lane], q)) >> digitBits
	for j := 1; j < len(columns); j++ {
		sum := columns[j][lane] + carry + highDigit(a[j-1][lane], digit) + highDigit(m[j-1][lane], q)
		if carry = 0; j < len(a) {
			sum += lowDigit(a[j][lane], digit) + lowDigit(m[j][lane], q)
		}
		columns[j-1][lane] = sum
	}
	columns[len(columns)-1][lane] = 0
}

// lowDigit is the low digit of a product of two digits.
func lowDigit(x, y uint64) uint64 { return x * y & digitMask }

// highDigit is the high digit of a product of two digits.
func highDigit(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	return high<<(64-digitBits) | low>>digitBits
}

func portablePick(out, table number, entry *vector) {
	clear(out)
	for i := range len(table) / len(out) {
		for lane := range Lanes {
			mask := equalMask(uint64(i), entry[lane])
			for j := range out {
				out[j][lane] |= table[i*len(out)+j][lane] & mask
			}
		}
	}
}

// equalMask is all ones if x and y, both less than 2^63, are equal, and otherwise
// zero.
func equalMask(x, y uint64) uint64 { return uint64(int64((x^y)-1) >> 63) }

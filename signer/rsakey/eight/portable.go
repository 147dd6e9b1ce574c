package eight

import "math"

// portable is the arithmetic of any processor, one lane after another.
func portable(forms map[int]form) arithmetic {
	return arithmetic{forms: forms, multiply: portableMultiply, square: portableSquare, pick: portablePick, step: Lanes, cost: neverPays}
}

func neverPays(int) float64 { return math.Inf(1) }

func portableSquare(out, a, m number, k0 *vector, work number, s shape) {
	portableMultiply(out, a, a, m, k0, work, s)
}

func portableMultiply(out, a, b, m number, k0 *vector, work number, s shape) {
	columns, r := work[:len(m)+1], s.radix
	clear(columns)
	for i := range b {
		for lane := range Lanes {
			low := columns[0][lane] + r.low(a[0][lane], b[i][lane])
			q := low * k0[lane] & r.mask()
			r.addProducts(columns, a, m, lane, b[i][lane], q)
		}
	}
	var carry vector
	for j := range out {
		for lane := range Lanes {
			sum := columns[j][lane] + carry[lane]
			out[j][lane], carry[lane] = sum&r.mask(), sum>>r
		}
	}
}

// addProducts adds a·digit + m·q in one lane and moves the columns down by one,
// of which the lowest is zero by the choice of q.
func (r radix) addProducts(columns, a, m number, lane int, digit, q uint64) {
	carry := (columns[0][lane] + r.low(a[0][lane], digit) + r.low(m[0][lane], q)) >> r
	for j := 1; j < len(columns); j++ {
		sum := columns[j][lane] + carry + r.high(a[j-1][lane], digit) + r.high(m[j-1][lane], q)
		if carry = 0; j < len(a) {
			sum += r.low(a[j][lane], digit) + r.low(m[j][lane], q)
		}
		columns[j-1][lane] = sum
	}
	columns[len(columns)-1][lane] = 0
}

func portablePick(out, table number, entry *vector, _ shape) {
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

package eight

// combine is the number modulo p·q that is xp modulo p and xq modulo q.
func (b *batch) combine(xp, xq number) number {
	out := b.engine.number(2 * b.form.digits)
	defer b.engine.release(b.engine.used)
	p := b.moduli(b.form.digits, func(lane int) *modulus { return &b.lanes[lane].Key.p.modulus })
	q := b.gather(b.form.digits, func(lane int) []uint64 { return b.lanes[lane].Key.q.digits })
	h := b.engine.number(b.form.digits)
	b.difference(h, xp, xq, p.m)
	b.multiply(h, h, b.gather(b.form.digits, func(lane int) []uint64 { return b.lanes[lane].Key.inverse }), p)
	b.reduceOnce(h, p.m)
	b.form.radix.multiplyAdd(out, q, h, xq)
	return out
}

// difference is x - y + 2p, which is positive since y is less than the other
// prime, of the same length.
func (b *batch) difference(out, x, y, p number) {
	var carry vector // signed
	r := b.form.radix
	for j := range out {
		for lane := range Lanes {
			sum := x[j][lane] + 2*p[j][lane] - y[j][lane] + carry[lane]
			out[j][lane], carry[lane] = sum&r.mask(), uint64(int64(sum)>>r)
		}
	}
}

// multiplyAdd sets out, of twice as many digits, to x·y + z.
func (r radix) multiplyAdd(out, x, y, z number) {
	clear(out)
	copy(out, z)
	for i := range x {
		for j := range y {
			for lane := range Lanes {
				out[i+j][lane] += r.low(x[i][lane], y[j][lane])
				out[i+j+1][lane] += r.high(x[i][lane], y[j][lane])
			}
		}
	}
	var carry vector
	for j := range out {
		for lane := range Lanes {
			sum := out[j][lane] + carry[lane]
			out[j][lane], carry[lane] = sum&r.mask(), sum>>r
		}
	}
}

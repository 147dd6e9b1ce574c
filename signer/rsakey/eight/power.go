package eight

// power is the message to the private exponent modulo one prime of each lane.
func (b *batch) power(message number, primes [Lanes]*prime) number {
	out := b.engine.number(b.form.digits)
	defer b.engine.release(b.engine.used)
	m := b.moduli(b.form.digits, func(lane int) *modulus { return &primes[lane].modulus })
	one := b.one(b.form.digits)
	table := b.table(b.reduce(message, primes, m), one, m)
	entry, picked := &b.engine.number(1)[0], b.engine.number(b.form.digits)
	for i := range primes[0].exponent {
		for lane, p := range primes {
			entry[lane] = uint64(p.exponent[i])
		}
		if i == 0 {
			b.engine.with.pick(out, table, entry, b.shape)
			continue
		}
		for range windowBits {
			b.squareOf(out, out, m)
		}
		b.engine.with.pick(picked, table, entry, b.shape)
		b.multiply(out, out, picked, m)
	}
	b.multiply(out, out, one, m)
	b.reduceOnce(out, m.m)
	return out
}

// release gives the numbers back that were cut since.
func (e *Engine) release(used int) { e.used = used }

// one is the number 1, not in Montgomery form.
func (b *batch) one(digits int) number {
	n := b.engine.number(digits)
	clear(n)
	for lane := range Lanes {
		n[0][lane] = 1
	}
	return n
}

// reduce is the message modulo a prime, in Montgomery form and less than 4 times
// the prime. With the message as high·R + low, that is high·R² + low·R.
func (b *batch) reduce(message number, primes [Lanes]*prime, m moduli) number {
	out, low := b.engine.number(b.form.digits), b.engine.number(b.form.digits)
	cube := b.gather(b.form.digits, func(lane int) []uint64 { return primes[lane].cube })
	b.multiply(out, message[b.form.digits:], cube, m)
	b.multiply(low, message[:b.form.digits], m.square, m)
	r := b.form.radix
	var carry vector
	for j := range out {
		for lane := range Lanes {
			sum := out[j][lane] + low[j][lane] + carry[lane]
			out[j][lane], carry[lane] = sum&r.mask(), sum>>r
		}
	}
	return out
}

// table is the powers of a number from 0 to 31.
func (b *batch) table(base, one number, m moduli) number {
	table := b.engine.number(tableEntries * b.form.digits)
	entry := func(i int) number { return table[i*b.form.digits : (i+1)*b.form.digits] }
	b.multiply(entry(0), m.square, one, m)
	copy(entry(1), base)
	for i := 2; i < tableEntries; i++ {
		if i%2 == 0 {
			b.squareOf(entry(i), entry(i/2), m)
		} else {
			b.multiply(entry(i), entry(i-1), base, m)
		}
	}
	return table
}

// reduceOnce subtracts m where x, less than 2m, is not less than m.
func (b *batch) reduceOnce(x, m number) {
	defer b.engine.release(b.engine.used)
	less, r := b.engine.number(len(x)), b.form.radix
	var borrow vector // zero or all ones
	for j := range x {
		for lane := range Lanes {
			difference := x[j][lane] - m[j][lane] + borrow[lane]
			less[j][lane], borrow[lane] = difference&r.mask(), uint64(int64(difference)>>r)
		}
	}
	for j := range x {
		for lane := range Lanes {
			x[j][lane] = x[j][lane]&borrow[lane] | less[j][lane]&^borrow[lane]
		}
	}
}

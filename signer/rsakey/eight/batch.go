package eight

import (
	"errors"
	"unsafe"
)

// Request asks for one signature.
type Request struct {
	Key *Key
	// Message is the padded message, as many bytes as the modulus has.
	Message []byte
	// Signature is filled, or left as it was if Err is set.
	Signature []byte
	// Err is set if the signature was not as it should be.
	Err error
}

// ErrFault: the processor computed a signature that is not one of the message
// under the recorded public key.
var ErrFault = errors.New("the signature that was computed is not valid under the public key")

// Engine makes batches, one at a time. It holds no secrets between them.
type Engine struct {
	with   arithmetic
	memory []vector // what all numbers of a batch are cut from, in a fixed order
	used   int
	peak   int
}

// Fast reports whether this processor has what this package is made for, AVX-512
// IFMA or AVX2.
func Fast() bool {
	_, fast := best()
	return fast
}

// New makes an engine, with the fastest arithmetic that this processor has.
func New() *Engine {
	arithmetic, _ := best()
	return newEngine(arithmetic)
}

func newEngine(a arithmetic) *Engine { return &Engine{with: a} }

// Cost is what a batch of so many signatures takes, in signatures of crypto/rsa
// one after another.
func (e *Engine) Cost(signatures int) float64 { return e.with.cost(signatures) }

// vectorsOf is how many vectors a batch takes at most: a table of powers, and the
// other numbers.
func vectorsOf(digits int) int { return (tableEntries + 20) * digits }

// number cuts a number from the memory of this batch.
func (e *Engine) number(digits int) number {
	e.used += digits
	e.peak = max(e.peak, e.used)
	return number(e.memory[e.used-digits : e.used : e.used])
}

// aligned are so many vectors, each in one line of the processor's cache: vectors
// that lie across two lines take half as long again.
func aligned(vectors int) []vector {
	made := make([]vector, vectors+1)
	words := unsafe.Slice(&made[0][0], len(made)*Lanes)
	off := (-uintptr(unsafe.Pointer(&words[0])) % unsafe.Sizeof(vector{})) / 8
	return unsafe.Slice((*vector)(unsafe.Pointer(&words[off])), vectors)
}

// Sign fills up to eight requests, with keys of the same length.
func (e *Engine) Sign(requests []*Request) {
	b := &batch{engine: e, form: requests[0].Key.form, shape: shape{radix: requests[0].Key.form.radix, lanes: len(requests)}}
	b.share(requests)
	if len(e.memory) < vectorsOf(b.form.digits) {
		e.memory = aligned(vectorsOf(b.form.digits))
	}
	defer e.wipe()
	b.run(requests)
}

// wipe makes all memory of a batch zero.
func (e *Engine) wipe() {
	clear(e.memory[:e.peak])
	e.used, e.peak = 0, 0
}

// batch is one run of the engine.
type batch struct {
	engine *Engine
	lanes  [Lanes]*Request
	// apart is how many lanes after that of a request the lane is that computes
	// its second half at the same time; 0: the halves are computed one by one.
	apart int
	form  form
	shape shape
}

// share gives the requests their lanes: one, or two where the processor computes
// as many lanes at a time as both halves of all requests need. A lane that is not
// needed computes the first request again.
func (b *batch) share(requests []*Request) {
	if half := b.engine.with.step / 2; len(requests) <= half {
		b.apart = half
	}
	for lane := range b.lanes {
		of := lane
		if b.apart > 0 {
			of %= b.apart
		}
		if of >= len(requests) {
			of = 0
		}
		b.lanes[lane] = requests[of]
	}
}

func (b *batch) run(requests []*Request) {
	message := b.engine.number(2 * b.form.digits)
	for lane, r := range b.lanes {
		b.form.radix.read(message, lane, r.Message)
	}
	signature := b.combine(b.halves(message))
	public := b.verify(signature)
	for lane, r := range requests {
		good := sameNumber(public, message, lane)
		if r.Err = nil; !good {
			r.Err = ErrFault
			continue
		}
		b.form.radix.write(r.Signature, signature, lane)
	}
}

// halves are the message raised modulo the two primes of each request, in its
// lane.
func (b *batch) halves(message number) (xp, xq number) {
	p, q := b.primes(func(k *Key) *prime { return &k.p }), b.primes(func(k *Key) *prime { return &k.q })
	if b.apart == 0 {
		return b.power(message, p), b.power(message, q)
	}
	both := p
	copy(both[b.apart:], q[:b.apart])
	xp, xq = b.power(message, both), b.engine.number(b.form.digits)
	for j := range xq {
		for lane := range Lanes {
			xq[j][lane] = xp[j][(lane+b.apart)%Lanes]
		}
	}
	return xp, xq
}

// primes are one prime of each lane's key.
func (b *batch) primes(of func(*Key) *prime) (primes [Lanes]*prime) {
	for lane, r := range b.lanes {
		primes[lane] = of(r.Key)
	}
	return primes
}

// gather puts one number of each lane side by side.
func (b *batch) gather(digits int, of func(lane int) []uint64) number {
	n := b.engine.number(digits)
	for lane := range Lanes {
		for j, digit := range of(lane) {
			n[j][lane] = digit
		}
	}
	return n
}

// moduli are eight moduli side by side, and what multiplications need.
type moduli struct {
	m      number
	k0     *vector
	square number
	work   number
}

func (b *batch) moduli(digits int, of func(lane int) *modulus) moduli {
	k0 := b.engine.number(1)
	for lane := range Lanes {
		k0[0][lane] = of(lane).k0
	}
	return moduli{
		m:      b.gather(digits, func(lane int) []uint64 { return of(lane).digits }),
		k0:     &k0[0],
		square: b.gather(digits, func(lane int) []uint64 { return of(lane).square }),
		work:   b.engine.number(digits + 2),
	}
}

func (b *batch) multiply(out, x, y number, m moduli) {
	b.engine.with.multiply(out, x, y, m.m, m.k0, m.work, b.shape)
}

func (b *batch) squareOf(out, x number, m moduli) {
	b.engine.with.square(out, x, m.m, m.k0, m.work, b.shape)
}

// read reads a big-endian number into a lane.
func (r radix) read(n number, lane int, data []byte) {
	for j := range n {
		n[j][lane] = bitsAt(data, j*int(r), int(r))
	}
}

// write writes a lane's number, big-endian.
func (r radix) write(data []byte, n number, lane int) {
	var bits uint64 // that are not written yet
	have, next := 0, 0
	for i := len(data) - 1; i >= 0; i-- {
		if have < 8 {
			bits |= n[next][lane] << have
			have += int(r)
			next++
		}
		data[i] = byte(bits)
		bits >>= 8
		have -= 8
	}
}

// sameNumber compares two numbers in one lane.
func sameNumber(x, y number, lane int) bool {
	var differ uint64
	for j := range x {
		differ |= x[j][lane] ^ y[j][lane]
	}
	return differ == 0
}

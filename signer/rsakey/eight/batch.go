package eight

import (
	"crypto/subtle"
	"encoding/binary"
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

// Fast reports whether this processor has AVX-512 IFMA, which this package is
// made for.
func Fast() bool { return fast() }

// New makes an engine, with the fastest arithmetic that this processor has.
func New() *Engine {
	if !fast() {
		return newEngine(portable())
	}
	return newEngine(native())
}

func newEngine(a arithmetic) *Engine { return &Engine{with: a} }

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

// Sign fills up to eight requests, with keys of the same length. A lane that is
// not needed computes the first request again.
func (e *Engine) Sign(requests []*Request) {
	lanes := [Lanes]*Request{}
	for lane := range lanes {
		lanes[lane] = requests[0]
		if lane < len(requests) {
			lanes[lane] = requests[lane]
		}
	}
	b := &batch{engine: e, lanes: &lanes, digits: halfDigits(requests[0].Key.bits)}
	if len(e.memory) < vectorsOf(b.digits) {
		e.memory = aligned(vectorsOf(b.digits))
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
	lanes  *[Lanes]*Request
	digits int // of a prime
}

func (b *batch) run(requests []*Request) {
	message := b.engine.number(2 * b.digits)
	for lane, r := range b.lanes {
		readNumber(message, lane, r.Message)
	}
	xp := b.power(message, func(k *Key) *prime { return &k.p })
	xq := b.power(message, func(k *Key) *prime { return &k.q })
	signature := b.combine(xp, xq)
	public := b.verify(signature)
	for lane, r := range requests {
		good := sameNumber(public, message, lane)
		if r.Err = nil; !good {
			r.Err = ErrFault
			continue
		}
		writeNumber(r.Signature, signature, lane)
	}
}

// gather puts one number of each lane's key side by side.
func (b *batch) gather(digits int, of func(*Key) []uint64) number {
	n := b.engine.number(digits)
	for lane, r := range b.lanes {
		for j, digit := range of(r.Key) {
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

func (b *batch) moduli(digits int, of func(*Key) *modulus) moduli {
	k0 := b.engine.number(1)
	for lane, r := range b.lanes {
		k0[0][lane] = of(r.Key).k0
	}
	return moduli{
		m:      b.gather(digits, func(k *Key) []uint64 { return of(k).digits }),
		k0:     &k0[0],
		square: b.gather(digits, func(k *Key) []uint64 { return of(k).square }),
		work:   b.engine.number(digits + 2),
	}
}

func (b *batch) multiply(out, x, y number, m moduli) {
	b.engine.with.multiply(out, x, y, m.m, m.k0, m.work)
}

func (b *batch) squareOf(out, x number, m moduli) { b.engine.with.square(out, x, m.m, m.k0, m.work) }

// readNumber reads a big-endian number into a lane.
func readNumber(n number, lane int, data []byte) {
	for j := range n {
		n[j][lane] = bitsAt(data, j*digitBits, digitBits)
	}
}

// writeNumber writes a lane's number, big-endian.
func writeNumber(data []byte, n number, lane int) {
	var word [8]byte
	for i := range len(data) / 8 {
		bit := i * 64
		digit, shift := bit/digitBits, bit%digitBits
		x := n[digit][lane] >> shift
		for have := digitBits - shift; have < 64; have += digitBits {
			if digit++; digit < len(n) {
				x |= n[digit][lane] << have
			}
		}
		binary.BigEndian.PutUint64(word[:], x)
		copy(data[len(data)-8*(i+1):], word[:])
	}
	clear(word[:])
}

// sameNumber compares in constant time two numbers in one lane.
func sameNumber(x, y number, lane int) bool {
	var differ uint64
	for j := range x {
		differ |= x[j][lane] ^ y[j][lane]
	}
	high := uint32(differ>>32) | uint32(differ)
	return subtle.ConstantTimeEq(int32(high), 0) == 1
}

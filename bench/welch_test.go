package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func momentsOf(values []float64) (m moments) {
	for _, v := range values {
		m.add(v)
	}
	return m
}

func TestWelch(t *testing.T) {
	for name, c := range map[string]struct {
		a, b moments
		want float64
	}{
		// The sleep of ten patients with either of two drugs (A. Cushny and
		// A. Peebles, 1905), with which R's manual shows its t.test.
		"sleep": {
			momentsOf([]float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0}),
			momentsOf([]float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}), -1.8608,
		},
		// By hand: 5 / √(15²/20 + 20²/20).
		"by hand": {moments{20, 100, 19 * 15 * 15}, moments{20, 95, 19 * 20 * 20}, 0.8944},
		"equal":   {moments{20, 100, 19}, moments{10, 100, 9}, 0},
	} {
		if got := welch(c.a, c.b); math.Abs(got-c.want) > 0.00005 {
			t.Errorf("%s: got t = %.5f, want %.4f", name, got, c.want)
		}
	}
}

// Far from zero, a sum of squares less the square of the sum would be rounded to
// nothing.
func TestMomentsOfNumbersThatDifferLittle(t *testing.T) {
	m := momentsOf([]float64{1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16})
	if variance := m.squares / (m.n - 1); m.mean != 1e9+10 || variance != 30 {
		t.Errorf("moments: got mean %f and variance %f, want 1000000010 and 30", m.mean, variance)
	}
}

// times are as measured on a busy machine: one of twenty was interrupted.
func times(took func(r *rand.Rand, fixed bool) float64) (all []timed) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 4000 {
		x := timed{fixed: i%2 == 0}
		if x.took = took(r, x.fixed); r.IntN(20) == 0 {
			x.took += 1e6 * r.ExpFloat64()
		}
		all = append(all, x)
	}
	return all
}

func TestWhatATimingTestSees(t *testing.T) {
	same := times(func(r *rand.Rand, _ bool) float64 { return 1e6 + 1e3*r.NormFloat64() })
	later := times(func(r *rand.Rand, fixed bool) float64 {
		if fixed {
			return 1e6 + 300 + 1e3*r.NormFloat64()
		}
		return 1e6 + 1e3*r.NormFloat64()
	})
	if got := strongest(same); got == 0 || got > traces {
		t.Errorf("equal inputs: got |t| = %.1f, want some value up to %.1f", got, traces)
	}
	if got := separation(later, math.Inf(1)); got > traces {
		t.Errorf("a small difference among interruptions, without percentiles: got |t| = %.1f, want it hidden", got)
	}
	if got := strongest(later); got < leaks {
		t.Errorf("a small difference among interruptions: got |t| = %.1f, want it seen, above %.0f", got, leaks)
	}
	if got := strongest(later[:2*fewest-2]); got != 0 {
		t.Errorf("too few times: got |t| = %.1f, want none", got)
	}
}

// The same mean hides times that vary more.
func TestATimingTestSeesHowMuchTimesVary(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var all []timed
	for i := range 2000 {
		width := 1 + float64(i%2)
		all = append(all, timed{fixed: i%2 == 0, took: 1000 + width*r.NormFloat64()})
	}
	if got := separation(deviations(all), math.Inf(1)); got < leaks {
		t.Errorf("times that vary twice as much: got |t| = %.1f, want above %.0f", got, leaks)
	}
}

func TestObservation(t *testing.T) {
	for _, c := range []struct {
		t    float64
		want string
	}{{0, "too few batches to tell"}, {4.5, "no difference"}, {4.6, "perhaps a difference; measure for longer"}, {11, "A LEAK"}} {
		if got := (observation{T: c.t}).saw(); got != c.want {
			t.Errorf("|t| of %.1f: got %q, want %q", c.t, got, c.want)
		}
	}
}

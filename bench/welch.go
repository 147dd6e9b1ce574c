package main

import (
	"math"
	"slices"
)

// timed is how long a calculation took, with the fixed input or with a random one.
type timed struct {
	fixed bool
	took  float64
}

// moments are the number, the mean and the sum of squared deviations of values,
// brought up to date with each of them (B. P. Welford, 1962).
type moments struct{ n, mean, squares float64 }

func (m *moments) add(value float64) {
	m.n++
	from := value - m.mean
	m.mean += from / m.n
	m.squares += from * (value - m.mean)
}

// errorSquared is the variance of the mean.
func (m moments) errorSquared() float64 { return m.squares / (m.n - 1) / m.n }

// welch is Welch's t: the difference of two means in units of its standard error.
func welch(a, b moments) float64 {
	return (a.mean - b.mean) / math.Sqrt(a.errorSquared()+b.errorSquared())
}

// fewest is how many values of each kind a test needs.
const fewest = 50

// strongest is the greatest |t| that tests of a fixed against a random input find:
// of all times, of their squared deviations, and of the times below each of a
// hundred percentiles, most of them high ones, because what interrupts a
// calculation makes it only slower (O. Reparaz, J. Balasch, I. Verbauwhede, "Dude,
// is my code constant time?", 2017). It is 0 if there are too few times.
func strongest(all []timed) float64 {
	sorted := make([]float64, len(all))
	for i, x := range all {
		sorted[i] = x.took
	}
	slices.Sort(sorted)
	found := max(separation(all, math.Inf(1)), separation(deviations(all), math.Inf(1)))
	const tests = 100
	for i := range tests {
		share := 1 - math.Pow(0.5, 10*float64(i+1)/tests)
		if at := int(share * float64(len(sorted))); at < len(sorted) {
			found = max(found, separation(all, sorted[at]))
		}
	}
	return found
}

// separation is |t| of the times below a limit.
func separation(all []timed, below float64) float64 {
	fixed, random := split(all, below)
	if fixed.n < fewest || random.n < fewest || fixed.squares+random.squares == 0 {
		return 0
	}
	return math.Abs(welch(fixed, random))
}

func split(all []timed, below float64) (fixed, random moments) {
	for _, x := range all {
		switch {
		case x.took >= below:
		case x.fixed:
			fixed.add(x.took)
		default:
			random.add(x.took)
		}
	}
	return fixed, random
}

// deviations are the squared distances from the mean of a kind: inputs may differ
// in how much the times vary.
func deviations(all []timed) []timed {
	fixed, random := split(all, math.Inf(1))
	squared := make([]timed, len(all))
	for i, x := range all {
		mean := random.mean
		if x.fixed {
			mean = fixed.mean
		}
		squared[i] = timed{fixed: x.fixed, took: (x.took - mean) * (x.took - mean)}
	}
	return squared
}

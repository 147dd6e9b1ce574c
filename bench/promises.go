package main

import (
	"fmt"
	"strings"
)

// promise is a number that playtoken promises, and its measured value.
type promise struct {
	text  string
	value spread
	known bool // it was measured
	holds func(median float64) bool
	form  string // the fmt verb of the value
	clock string // the same ratio by wall-clock time; empty: not meaningful
}

func atMost(limit float64) func(float64) bool  { return func(x float64) bool { return x <= limit } }
func atLeast(limit float64) func(float64) bool { return func(x float64) bool { return x >= limit } }

// promises returns all promises with the values that this run measured.
func (b *bench) promises() []promise {
	all := append(b.signing(),
		b.faster("OpenSSL: at least 1.2 of Node processes with jsonwebtoken, one on each core", by(openSSL, overHTTP), nodeServing, 1.2),
		b.dearer("equal claims: at most 1.6 of an echo of JSON", by(standard, overHTTPSame), echoing, 1.6),
		b.dearer("a token of a batch of 100: at most 1 of a token alone ("+standard+")", by(standard, overHTTPBatch), by(standard, overHTTP), 1),
		b.dearer("the same with OpenSSL", by(openSSL, overHTTPBatch), by(openSSL, overHTTP), 1),
		b.dearer("a segment of the gate: at most 1.3 of http.ServeContent", segment, servedContent, 1.3),
		b.dearer(fmt.Sprintf("a mint among %d projects and API keys: at most 1.1 of one without others", b.crowd), fromOneOf(b.crowd), fromOneOf(1), 1.1),
	)
	if b.timing != nil {
		value := spread{median: b.timing.T, low: b.timing.T, high: b.timing.T}
		all = append(all, promise{text: fmt.Sprintf("no trace of keys and messages in the time of a batch: |t| of at most %.1f", traces),
			value: value, known: value.high > 0, holds: atMost(traces), form: "%.1f"})
	}
	for _, n := range b.callers {
		value, known := b.results.ratio(shared(n), directly(n), score.rate)
		text := fmt.Sprintf("transit, %d at once: at least 0.9 of Vault driven directly (by the clock)", n)
		all = append(all, promise{text: text, value: value, known: known, holds: atLeast(0.9), form: "%.2f"})
	}
	start, started := b.results.of(firstToken, score.seconds)
	idle, _ := b.results.of(firstToken, func(s score) float64 { return s.resident })
	return append(all,
		promise{text: "start to first token, on a bootstrapped store: less than 1 s", value: start, known: started, holds: atMost(1), form: "%.2f s"},
		promise{text: "resident memory, idle: less than 64 MB", value: idle, known: started, holds: atMost(64), form: "%.0f MB"},
	)
}

// signing are the promises about signatures and what is around them. How much
// eight at once gain depends on the processor.
func (b *bench) signing() []promise {
	extra, known := b.beyond(standard)
	manifests, seen := b.results.of(manifest, score.cost)
	all := []promise{
		b.dearer("one caller alone: at most 1.1 of the bare signature on one core", waitingCallers(1), by(standard, onOneCore), 1.1),
		{text: "CPU beyond that of a signature in a full batch, per distinct token over HTTP: at most 60 µs", value: extra, known: known, holds: atMost(60), form: "%.0f µs"},
		{text: "gate: a manifest with a token: at most 70 µs", value: manifests, known: seen, holds: atMost(70), form: "%.0f µs"},
	}
	if len(engines()) == 0 {
		return all
	}
	best := engines()[0]
	least := map[string]gain{
		wideEngine:   {bare: 9, node: 2.5, naive: 0.2},
		narrowEngine: {bare: 1.5, node: 1, naive: 0.8},
	}[best]
	return append(all,
		b.faster(fmt.Sprintf("%s: at least %.1f of crypto/rsa, on one core", best, least.bare), by(best, onOneCore), by(standard, onOneCore), least.bare),
		b.faster(fmt.Sprintf("%s: at least %.1f of Node processes with jsonwebtoken, one on each core", best, least.node), by(standard, overHTTP), nodeServing, least.node),
		b.dearer(fmt.Sprintf("%s: at most %.1f of the naive Go server", best, least.naive), by(standard, overHTTP), naiveServing, least.naive),
	)
}

// gain is what an engine promises against crypto/rsa, Node and the naive server.
type gain struct{ bare, node, naive float64 }

// dearer promises that one response of ours takes at most limit times the CPU
// time of one of theirs.
func (b *bench) dearer(text, ours, theirs string, limit float64) promise {
	value, known := b.results.ratio(ours, theirs, score.cost)
	return promise{text: text, value: value, known: known, holds: atMost(limit), form: "%.2f", clock: b.clock(theirs, ours)}
}

// faster promises that the CPU time of one response of theirs is at least limit
// times that of one of ours.
func (b *bench) faster(text, ours, theirs string, limit float64) promise {
	value, known := b.results.ratio(theirs, ours, score.cost)
	return promise{text: text, value: value, known: known, holds: atLeast(limit), form: "%.2f", clock: b.clock(ours, theirs)}
}

// clock returns the ratio of two rates by wall-clock time.
func (b *bench) clock(one, other string) string {
	value, _ := b.results.ratio(one, other, score.rate)
	return fmt.Sprintf("%.2f", value.median)
}

// verdict judges the median, and says when rounds disagree: on a busy machine a
// number close to its limit falls on either side of it by chance.
func (p promise) verdict() string {
	agreed := p.known && p.holds(p.value.low) == p.holds(p.value.high)
	switch {
	case !p.known:
		return "not measured"
	case p.holds(p.value.median) && agreed:
		return "holds"
	case p.holds(p.value.median):
		return "holds, not in every round"
	case agreed:
		return "DOES NOT HOLD"
	}
	return "DOES NOT HOLD, but in some rounds"
}

func (s spread) in(form string) string {
	low, high := fmt.Sprintf(form, s.low), fmt.Sprintf(form, s.high)
	number, _, _ := strings.Cut(low, " ") // the unit appears once
	return fmt.Sprintf(form, s.median) + " (" + number + "–" + high + ")"
}

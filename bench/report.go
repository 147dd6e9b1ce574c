package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
)

// report prints all of it.
func (b *bench) report(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s, %d cores, %s, %s\n", processor(), runtime.NumCPU(), runtime.Version(), loadAverage())
	fmt.Fprintf(w, "%d rounds of %s each; medians, and in brackets the least and the most.\n", b.rounds, b.turn)
	fmt.Fprintf(w, "Whoever asks shares the cores with whoever answers: per second is what this machine\n")
	fmt.Fprintf(w, "does with both on it. Signing is in memory mode.\n\n")
	b.rows(w, "What", b.names())
	b.beyond(w)
	b.rows(w, "\nOne token, by platform", platformNames())
	fmt.Fprintf(w, "Each of api.video's takes three calls over HTTP to a stand-in without a rate limit;\n")
	fmt.Fprintf(w, "its own CPU time, and that of who calls us, is not in this table.\n")
	fmt.Fprintf(w, "\nPromise\tMeasured\tBy the clock\t\n")
	for _, p := range b.promises() {
		value := "–"
		if p.known {
			value = p.value.in(p.form)
		} else {
			p.clock = ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.text, value, p.clock, p.verdict())
	}
	fmt.Fprintf(w, "\nThe program is %.1f MB, and has %.0f MB resident after all that load.\n", b.size, b.worn)
	for _, note := range b.notes {
		fmt.Fprintf(w, "Left out: %s\n", note)
	}
	for _, promise := range elsewhere {
		fmt.Fprintf(w, "Not measured here: %s\n", promise)
	}
	return w.Flush()
}

// elsewhere are the promises that are not numbers of this kind.
var elsewhere = []string{
	"that no token is refused before its end while keys rotate: go test ./cmd/playtoken ./keyrotation",
}

// rows is what was measured, before anything is divided by anything.
func (b *bench) rows(w io.Writer, heading string, names []string) {
	fmt.Fprintf(w, "%s\tCPU µs for one\tPer second\t\n", heading)
	for _, name := range names {
		cost, known := b.results.of(name, score.cost)
		rate, _ := b.results.of(name, score.rate)
		spent := cost.in("%.0f")
		if !known {
			continue
		}
		if cost.high == 0 {
			spent = "–" // not looked at
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", name, spent, rate.in("%.0f"))
	}
}

// beyond is all of a mint that is not its signature.
func (b *bench) beyond(w io.Writer) {
	for _, library := range []string{standard, openSSL} {
		bare, ok := b.results.of(by(library, bareSignature), score.cost)
		if ours, also := b.results.of(by(library, overHTTP), score.cost); ok && also {
			fmt.Fprintf(w, "%s\t%.0f\t\t\n", by(library, "beyond the bare signature, over HTTP"), ours.median-bare.median)
		}
	}
}

// names are all contestants of the first table, in its order.
func (b *bench) names() []string {
	var names []string
	for _, library := range []string{standard, openSSL} {
		for _, name := range []string{bareSignature, overHTTP, overHTTPBatch, overHTTPSame} {
			names = append(names, by(library, name))
		}
	}
	names = append(names, echoing, nodeServing, manifest, fromOneOf(1), fromOneOf(b.crowd), fromAllOf(b.crowd))
	for _, n := range b.callers {
		names = append(names, directly(n), shared(n))
	}
	return names
}

// platformNames are those of the second: with the signature, but without HTTP
// and without knowing who is calling.
func platformNames() []string {
	return []string{
		by(standard, onVidbeo), by(openSSL, onVidbeo), by(standard, onVidbeoSame), by(openSSL, onVidbeoSame),
		onJWPlayer, onJWPlayerSame, onAPIVideo,
	}
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// loadAverage tells how much else the machine has been doing.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) == 0 {
		return "load unknown"
	}
	return "load " + fields[0]
}

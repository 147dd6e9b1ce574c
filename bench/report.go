package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
)

// report prints the results, the promises and what was left out.
func (b *bench) report(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s, %d cores, %s, %s\n", processor(), runtime.NumCPU(), runtime.Version(), loadAverage())
	fmt.Fprintf(w, "%d rounds of %s each; the median, and in parentheses the lowest and highest value.\n", b.rounds, b.turn)
	fmt.Fprintf(w, "Clients share the cores with the servers, and the rates are those of this machine\n")
	fmt.Fprintf(w, "with both on it. Keys are in memory.\n\n")
	b.rows(w, "What", b.names())
	b.beyond(w)
	b.rows(w, "\nOne token, by platform", platformNames())
	fmt.Fprintf(w, "Each token of api.video takes three calls over HTTP to a stand-in without a rate\n")
	fmt.Fprintf(w, "limit. The CPU time of the stand-in and of clients is not in this table.\n")
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
	fmt.Fprintf(w, "\nThe program is %.1f MB, with %.0f MB of resident memory after all rounds.\n", b.size, b.loaded)
	for _, note := range b.notes {
		fmt.Fprintf(w, "Left out: %s\n", note)
	}
	for _, promise := range testedOtherwise {
		fmt.Fprintf(w, "Not measured here: %s\n", promise)
	}
	return w.Flush()
}

// testedOtherwise lists the promises that tests check.
var testedOtherwise = []string{
	"that no token is refused before its end while keys rotate: go test ./cmd/playtoken ./keyrotation",
}

// rows prints the measured values of contestants.
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
			spent = "–" // not measured
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", name, spent, rate.in("%.0f"))
	}
}

// beyond prints the cost of a mint over HTTP beyond that of its signature.
func (b *bench) beyond(w io.Writer) {
	for _, library := range []string{standard, openSSL} {
		bare, ok := b.results.of(by(library, bareSignature), score.cost)
		if ours, also := b.results.of(by(library, overHTTP), score.cost); ok && also {
			fmt.Fprintf(w, "%s\t%.0f\t\t\n", by(library, "beyond the bare signature, over HTTP"), ours.median-bare.median)
		}
	}
}

// names lists the contestants of the first table, in its order.
func (b *bench) names() []string {
	var names []string
	for _, library := range []string{standard, openSSL} {
		for _, name := range []string{bareSignature, signedAtOnce, overHTTP, overHTTPBatch, overHTTPSame} {
			names = append(names, by(library, name))
		}
	}
	names = append(names, echoing, nodeServing, manifest, fromOneOf(1), fromOneOf(b.crowd), fromAllOf(b.crowd))
	for _, n := range b.callers {
		names = append(names, directly(n), shared(n))
	}
	return names
}

// platformNames lists those of the second table, whose costs include the
// signature but neither HTTP nor authentication.
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

// loadAverage shows how busy the machine was before the run ended.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) == 0 {
		return "load unknown"
	}
	return "load " + fields[0]
}

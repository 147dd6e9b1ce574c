package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// report prints the results, the promises and what was left out, and writes a
// picture and a page of the same.
func (b *bench) report(out io.Writer) error {
	b.tellMissing(out)
	fmt.Fprintf(out, "\n%s\n", b.setting())
	for _, t := range b.tables() {
		if err := t.text(out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nThe program is %.1f MB, with %.0f MB of resident memory after all rounds.\n", b.size, b.loaded)
	if b.timing != nil {
		fmt.Fprintln(out, b.timing)
	}
	for _, promise := range testedOtherwise {
		fmt.Fprintf(out, "Not measured here: %s\n", promise)
	}
	b.tellMissing(out)
	return b.write(out)
}

// testedOtherwise lists the promises that tests check.
var testedOtherwise = []string{
	"that no token is refused before its end while keys rotate: go test ./cmd/playtoken ./keyrotation",
}

// tellMissing is printed first and last, so that a number that is missing is not
// taken for one that did not matter.
func (b *bench) tellMissing(out io.Writer) {
	for _, note := range b.notes {
		fmt.Fprintf(out, "== NOT MEASURED: %s\n", note)
	}
}

// setting says where and how the numbers were measured.
func (b *bench) setting() string {
	with := "no vectors for batches"
	if made := engines(); len(made) > 0 {
		with = strings.TrimPrefix(made[0], "eight at once, ")
	}
	return fmt.Sprintf("%s: %s, %d cores, %s, %s, %s. %d rounds of %s; the median, and in parentheses the lowest and the highest. "+
		"Clients share the cores with the servers. Keys are in memory.",
		time.Now().UTC().Format(time.DateOnly), processor(), runtime.NumCPU(), with, runtime.Version(), loadAverage(), b.rounds, b.turn)
}

// write writes the picture and the page.
func (b *bench) write(out io.Writer) error {
	if b.out == "" {
		return nil
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "%s\n\n", b.setting())
	for _, t := range b.tables() {
		if err := t.markdown(&page); err != nil {
			return err
		}
	}
	if b.timing != nil {
		fmt.Fprintf(&page, "%s\n", b.timing)
	}
	drawn, written := filepath.Join(b.out, "bench.svg"), filepath.Join(b.out, "bench.md")
	err := errors.Join(os.MkdirAll(b.out, 0o755), os.WriteFile(drawn, b.picture(), 0o644), os.WriteFile(written, page.Bytes(), 0o644))
	if err == nil {
		fmt.Fprintf(out, "Written: %s, %s\n", drawn, written)
	}
	return err
}

func (b *bench) tables() []table {
	return []table{b.signatureTable(), b.fillTable(), b.minterTable(), b.costTable(), b.kickOffTable(), b.platformTable(), b.promiseTable()}
}

// signers lists what makes single signatures, crypto/rsa first.
func signers() []string { return append([]string{standard, openSSL}, engines()...) }

func (b *bench) signatureTable() table {
	t := table{heading: []string{"Bare signature, RSA-2048", "against crypto/rsa, one core", "all cores, by the clock", "CPU µs"},
		note: "Signatures in the same time, as a ratio. A batch of eight is full."}
	for _, name := range signers() {
		core, known := b.results.ratio(by(standard, onOneCore), by(name, onOneCore), score.cost)
		all, alsoKnown := b.results.ratio(by(name, bareSignature), by(standard, bareSignature), score.rate)
		cost, _ := b.results.of(by(name, onOneCore), score.cost)
		t.row(name, cell(core, known, "%.2f"), cell(all, alsoKnown, "%.2f"), cell(cost, known, "%.0f"))
	}
	speed, known := b.results.ratio(by(standard, onOneCore), opensslSpeed, score.cost)
	cost, _ := b.results.of(opensslSpeed, score.cost)
	t.row("openssl speed", cell(speed, known, "%.2f"), unknown, cell(cost, known, "%.0f"))
	return t
}

func (b *bench) fillTable() table {
	t := table{heading: []string{"Callers who wait", "signatures at a time", "CPU against crypto/rsa alone", "by the clock"},
		note: "Each asks for the next signature when it has one. By the clock: signatures in the same time, against crypto/rsa on one core."}
	for _, n := range b.waiting {
		name := waitingCallers(n)
		fill, known := b.results.of(name, func(s score) float64 { return s.fill })
		cost, _ := b.results.ratio(name, by(standard, onOneCore), score.cost)
		rate, _ := b.results.ratio(name, by(standard, onOneCore), score.rate)
		t.row(fmt.Sprint(n), cell(fill, known, "%.1f"), cell(cost, known, "%.2f"), cell(rate, known, "%.2f"))
	}
	return t
}

// minterTable compares servers that mint distinct tokens over HTTP.
func (b *bench) minterTable() table {
	t := table{heading: []string{"Distinct tokens over HTTP", "CPU against the naive server", "per second, against it", "CPU µs", "alone p50, p99 ms", "half load p50, p99 ms", "full load p50, p99 ms"},
		note: "Full load: 16 callers who each send the next request when they have a response. Half load: half that rate, at random moments."}
	for _, name := range b.minters {
		cost, known := b.results.ratio(name, naiveServing, score.cost)
		rate, _ := b.results.ratio(name, naiveServing, score.rate)
		micros, _ := b.results.of(name, score.cost)
		t.row(name, cell(cost, known, "%.2f"), cell(rate, known, "%.2f"), cell(micros, known, "%.0f"),
			b.latencies(aloneOf(name)), b.latencies(halfOf(name)), b.latencies(name))
	}
	return t
}

func (b *bench) latencies(name string) string {
	p50, known := b.results.of(name, score.p50)
	p99, _ := b.results.of(name, score.p99)
	if !known {
		return unknown
	}
	return fmt.Sprintf("%.1f, %.1f", p50.median, p99.median)
}

func (b *bench) costTable() table {
	t := table{heading: []string{"What", "CPU µs for one", "per second"}}
	for _, name := range b.names() {
		b.costRow(&t, name)
	}
	for _, library := range []string{standard, openSSL} {
		extra, known := b.beyond(library)
		t.row(by(library, "beyond a signature in a full batch, over HTTP"), cell(extra, known, "%.0f"), unknown)
	}
	return t
}

func (b *bench) costRow(t *table, name string) {
	cost, known := b.results.of(name, score.cost)
	rate, _ := b.results.of(name, score.rate)
	t.row(name, cell(cost, known, "%.0f"), cell(rate, known, "%.0f"))
}

// beyond is the CPU time of a mint over HTTP beyond that of a signature for callers
// who wait together. What batches cost that are not full is in it.
func (b *bench) beyond(library string) (spread, bool) {
	return b.results.pairs(by(library, overHTTP), by(library, signedAtOnce), func(ours, theirs score) float64 {
		return ours.cost() - theirs.cost()
	})
}

// names lists the contestants of the table of costs, in its order.
func (b *bench) names() []string {
	var names []string
	for _, library := range []string{standard, openSSL} {
		for _, name := range []string{bareSignature, signedAtOnce, overHTTPBatch, overHTTPSame} {
			names = append(names, by(library, name))
		}
	}
	names = append(names, echoing, manifest, segment, servedContent, fromOneOf(1), fromOneOf(b.crowd), fromAllOf(b.crowd))
	for _, n := range b.callers {
		names = append(names, directly(n), shared(n))
	}
	names = append(names, readsOfRing)
	return names
}

// platformTable has costs that include the signature but neither HTTP nor
// authentication.
func (b *bench) platformTable() table {
	t := table{heading: []string{"One token, by platform", "CPU µs for one", "per second"},
		note: "Each token of api.video takes three calls over HTTP to a stand-in without a rate limit. The CPU time of the stand-in and of clients is not in this table."}
	for _, name := range []string{
		by(standard, onVidbeo), by(openSSL, onVidbeo), by(standard, onVidbeoSame), by(openSSL, onVidbeoSame),
		onJWPlayer, onJWPlayerSame, onAPIVideo,
	} {
		b.costRow(&t, name)
	}
	return t
}

func (b *bench) promiseTable() table {
	t := table{heading: []string{"Promise", "measured", "by the clock", "verdict"}}
	for _, p := range b.promises() {
		if !p.known {
			p.clock = unknown
		}
		t.rows = append(t.rows, []string{p.text, cell(p.value, p.known, p.form), p.clock, p.verdict()})
	}
	return t
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

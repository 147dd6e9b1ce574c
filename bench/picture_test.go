package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestPictureIsWellFormedAndInBothColours(t *testing.T) {
	drawn := draw("a <title>", "measured & described", []panel{
		{title: "one", bars: []bar{{"ours", 1.6, true}, {"theirs", 1, false}}},
		{title: "two", bars: []bar{{"nothing at all", 0.001, false}, {"much", 4, true}}},
	})
	for decoder := xml.NewDecoder(bytes.NewReader(drawn)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("picture: got %v, want well-formed XML:\n%s", err, drawn)
		}
	}
	for text, want := range map[string]int{"<rect": 4, `class="ours"`: 2, "prefers-color-scheme: dark": 1, "<title id": 1, "<desc id": 1, ">1.60</text>": 1, `width="430"`: 2} {
		if got := strings.Count(string(drawn), text); got != want {
			t.Errorf("picture: got %d times %q, want %d", got, text, want)
		}
	}
}

func TestTableLeavesOutWhatWasNotMeasured(t *testing.T) {
	tab := table{heading: []string{"What", "ratio"}, note: "Below."}
	tab.row("measured", cell(spread{2, 1, 3}, true, "%.0f"))
	tab.row("not measured", cell(spread{}, false, "%.0f"))
	var page, text strings.Builder
	if err := errors.Join(tab.markdown(&page), tab.text(&text)); err != nil {
		t.Fatal(err)
	}
	if want := "| What | ratio |\n| ---|--- |\n| measured | 2 (1–3) |\n\nBelow.\n\n"; page.String() != want {
		t.Errorf("page: got %q, want %q", page.String(), want)
	}
	if want := "\nWhat      ratio    \nmeasured  2 (1–3)  \nBelow.\n"; text.String() != want {
		t.Errorf("text: got %q, want %q", text.String(), want)
	}
}

func TestSpeedOf(t *testing.T) {
	const output = "OpenSSL 3.0\n+DTP:2048:private:rsa:1\n+F2:2:2048:1250.000000:42019.230769\n"
	if got, err := speedOf(output); err != nil || got.cost() != 800 {
		t.Errorf("speedOf: got %v, %v, want 800 µs for a signature", got, err)
	}
	for _, output := range []string{"", "+F2:2:2048:0:0", "+F2:2:1024:9:9", "+F2:2:2048:x:1"} {
		if got, err := speedOf(output); err == nil {
			t.Errorf("speedOf(%q): got %v, want an error", output, got)
		}
	}
}

func TestQuantile(t *testing.T) {
	sorted := make([]time.Duration, 101)
	for i := range sorted {
		sorted[i] = time.Duration(i)
	}
	if half, most, none := quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(nil, 0.5); half != 50 || most != 99 || none != 0 {
		t.Errorf("quantiles of 0 to 100, and of nothing: got %d, %d and %d, want 50, 99 and 0", half, most, none)
	}
}

func TestPacedRequestsComeAtTheirRate(t *testing.T) {
	const n = 10_000
	began := time.Unix(0, 0)
	due := (&load{pace: func() float64 { return 1000 }}).schedule(began)
	last := began
	for range n {
		at := due()
		if at.Before(last) {
			t.Fatalf("due: got %s after %s, want an order", at, last)
		}
		last = at
	}
	// The sum of 10,000 gaps of 1 ms on average is within six standard errors.
	if got := last.Sub(began); got < 9400*time.Millisecond || got > 10600*time.Millisecond {
		t.Errorf("%d requests at 1,000 in a second: got them in %s, want about 10 s", n, got)
	}
}

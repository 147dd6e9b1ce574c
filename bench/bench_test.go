package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMeasure checks that everything is measured and reported, and none of the
// numbers. Rivals, and the flags of the shipped program, are left to make bench.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and starts a Vault")
	}
	var out, progress bytes.Buffer
	minimal := effort{rounds: 2, turn: 20 * time.Millisecond, callers: []int{2}, waiting: []int{1, 2}, crowd: 5, out: t.TempDir()}
	if err := measure(t.Context(), minimal, &out, &progress); err != nil {
		t.Fatalf("measure: %v\n%s", err, progress.String())
	}
	t.Log(out.String())
	names := append(engines(), standard, by(standard, bareSignature), by(standard, signedAtOnce), by(standard, overHTTP), by(standard, overHTTPBatch),
		naiveServing, echoing, manifest, segment, servedContent, firstToken, onJWPlayer, onAPIVideo, fromOneOf(1), fromAllOf(5), "1 ", "2 ", "A million viewers in a minute", readsOfRing)
	for _, name := range names {
		if !strings.Contains(out.String(), "\n"+name) {
			t.Errorf("the report has no line for %q, want one", name)
		}
	}
	// The report says first and last what it leaves out.
	missing := strings.Count(out.String(), "not measured")
	if notes := strings.Count(out.String(), "== NOT MEASURED:"); missing > 0 && notes < 2 || notes%2 != 0 {
		t.Errorf("got %d promises that were not measured and %d lines that say why, want each reason twice", missing, notes)
	}
	for file, want := range map[string]string{"bench.svg": "naive Go server", "bench.md": "| " + naiveServing + " |"} {
		if text, err := os.ReadFile(filepath.Join(minimal.out, file)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: got %v and %d bytes, want one with %q", file, err, len(text), want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
		text   string
	}{
		{[]float64{2}, spread{2, 2, 2}, "2.0 s (2.0–2.0 s)"},
		{[]float64{3, 1, 2}, spread{2, 1, 3}, "2.0 s (1.0–3.0 s)"},
		{[]float64{4, 1, 3, 2}, spread{2.5, 1, 4}, "2.5 s (1.0–4.0 s)"},
	} {
		if got := spreadOf(c.values); got != c.want || got.in("%.1f s") != c.text {
			t.Errorf("spreadOf(%v) = %v, printed as %s, want %v and %s", c.values, got, got.in("%.1f s"), c.want, c.text)
		}
	}
}

func TestRatiosAreTakenWithinARound(t *testing.T) {
	// The machine is twice as slow in the second round, for both.
	r := results{
		"ours":   {{n: 1, cpu: 3, wall: 3}, {n: 1, cpu: 6, wall: 6}},
		"theirs": {{n: 1, cpu: 2, wall: 2}, {n: 1, cpu: 4, wall: 4}},
		"half":   {{n: 1, cpu: 2, wall: 2}},
	}
	if got, ok := r.ratio("ours", "theirs", score.cost); !ok || got != (spread{1.5, 1.5, 1.5}) {
		t.Errorf("ratio = %v, %v, want 1.5 in every round", got, ok)
	}
	for _, missing := range []string{"not measured", "half"} {
		if _, ok := r.ratio("ours", missing, score.cost); ok {
			t.Errorf("got a ratio to %q, want none", missing)
		}
	}
}

func TestWorkRefusesUnknownJobs(t *testing.T) {
	for _, job := range []string{`{`, `{"key_file":"/nowhere"}`} {
		if err := work(context.Background(), "sign", job, &bytes.Buffer{}); err == nil {
			t.Errorf("work(%s) succeeded, want an error", job)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// TestEverythingIsMeasured is about the measuring, not about the numbers: it
// takes hardly any time for each, and believes none.
func TestEverythingIsMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program twice")
	}
	var out, progress bytes.Buffer
	hardly := effort{rounds: 2, turn: 20 * time.Millisecond, callers: []int{2}, crowd: 5}
	if err := measure(t.Context(), hardly, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	t.Log(out.String())
	for _, name := range []string{by(standard, bareSignature), by(standard, overHTTPBatch), echoing, manifest, firstToken, onJWPlayer, onAPIVideo, fromOneOf(1), fromAllOf(5)} {
		if !strings.Contains(out.String(), "\n"+name) {
			t.Errorf("%q is missing", name)
		}
	}
	// What was left out said so.
	missing := strings.Count(out.String(), "not measured\n")
	if notes := strings.Count(out.String(), "\nLeft out:"); missing > 0 && notes == 0 {
		t.Errorf("%d promises were not measured, and nothing says why", missing)
	}
}

func TestASpreadIsItsMedianAndItsEnds(t *testing.T) {
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
			t.Errorf("%v: %v, %s", c.values, got, got.in("%.1f s"))
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
		t.Errorf("%v, %v", got, ok)
	}
	for _, missing := range []string{"nobody", "half"} {
		if _, ok := r.ratio("ours", missing, score.cost); ok {
			t.Errorf("a ratio to %s", missing)
		}
	}
}

func TestAWorkerRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, job := range []string{`{`, `{"key_file":"/nowhere"}`} {
		if err := work(context.Background(), "sign", job, &bytes.Buffer{}); err == nil {
			t.Errorf("job %s: done", job)
		}
	}
}

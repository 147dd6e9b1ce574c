package main

import (
	"bytes"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// A process obeys the limit of its container, unless the environment says what to
// obey: Go itself has read that by then.
func TestMemoryIsBoundedByTheContainer(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	for name, c := range map[string]struct {
		environ []string
		allowed memlimit.Provider
		want    int64
	}{
		"a limit":             {nil, memlimit.Limit(1 << 30), 966367641},
		"no limit":            {nil, none, before},
		"a limit of no use":   {nil, memlimit.Limit(math.MaxUint64), 1 << 62},
		"one's own":           {[]string{"GOMEMLIMIT=2GiB"}, memlimit.Limit(1 << 30), before},
		"an empty one is not": {[]string{"GOMEMLIMIT="}, memlimit.Limit(1 << 30), 966367641},
	} {
		debug.SetMemoryLimit(before)
		var text bytes.Buffer
		a := &app{process: process{environ: c.environ}}
		a.boundMemory(slog.New(slog.NewTextHandler(&text, nil)), c.allowed)
		got, said := debug.SetMemoryLimit(-1), strings.Contains(text.String(), "memory limit")
		if got != c.want || said != (c.want != before) {
			t.Errorf("%s: got a limit of %d bytes, logged = %t, want %d", name, got, said, c.want)
		}
	}
}

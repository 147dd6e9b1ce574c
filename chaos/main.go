// Chaos breaks playtoken on purpose, one guard at a time, and shows that a test
// fails each time: a test that never fails proves nothing.
//
// The decision a newcomer would get wrong: the working tree is never changed.
// Each mutant is a copy of one file, which the go tool's -overlay puts in its
// place. So a run that is interrupted leaves nothing behind, and other builds of
// the same tree are not affected.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

func main() {
	only := flag.String("only", "", "break only the guards whose name or file contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// atOnce is how many mutants are tried at a time; each uses about one core.
const atOnce = 2

// run tries the mutants whose name or file contains only. The error says for
// which of them no test failed.
func run(ctx context.Context, only string) error {
	folder, err := os.MkdirTemp("", "playtoken-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	var (
		all      sync.WaitGroup
		turns    = make(chan struct{}, atOnce)
		verdicts = make([]error, len(mutants))
		tried    int
	)
	for i, m := range mutants {
		if !strings.Contains(m.name, only) && !strings.Contains(m.file, only) {
			continue
		}
		tried++
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			verdicts[i] = m.try(ctx, filepath.Join(folder, fmt.Sprint(i)))
		})
	}
	all.Wait()
	if tried == 0 {
		return fmt.Errorf("there is no mutant %q", only)
	}
	if err := errors.Join(verdicts...); err != nil {
		return err
	}
	fmt.Printf("%d mutants, each noticed by a test\n", tried)
	return nil
}

// mutant is a guard, and how it is broken.
type mutant struct {
	name    string
	file    string // from the top of the module
	guard   string // occurs once in the file
	broken  string // takes its place
	noticed string // the package whose tests have to fail; empty: the file's
	by      string // a pattern of the names of those tests; empty: all
}

// testTimeout bounds one mutant's tests. A mutant that never ends counts as
// noticed.
const testTimeout = 4 * time.Minute

// try returns nil if the tests fail with the mutant in place.
func (m mutant) try(ctx context.Context, folder string) error {
	overlay, err := m.place(folder)
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	pkg := "./" + cmp.Or(m.noticed, filepath.Dir(m.file))
	if out, err := exec.CommandContext(ctx, "go", "vet", "-overlay", overlay, pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: the mutant does not build, so it proves nothing: %s", m.name, out)
	}
	limited, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	began := time.Now()
	out, err := exec.CommandContext(limited, "go", "test", "-overlay", overlay, "-failfast", "-count=1", "-run", cmp.Or(m.by, "."), pkg).CombinedOutput()
	if err == nil {
		fmt.Printf("SURVIVED  %s\n", m.name)
		return fmt.Errorf("%s: no test of %s failed", m.name, pkg)
	}
	fmt.Printf("killed    %-62s %5.1f s  %s\n", m.name, time.Since(began).Seconds(), killer(string(out)))
	return ctx.Err()
}

// place writes the broken file and the overlay that puts it in place.
func (m mutant) place(folder string) (overlay string, err error) {
	whole, err := filepath.Abs(filepath.FromSlash(m.file))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(whole)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.guard); n != 1 {
		return "", fmt.Errorf("its guard occurs %d times in %s, want once: update chaos/mutants.go", n, m.file)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	broken, overlay := filepath.Join(folder, "broken.go"), filepath.Join(folder, "overlay.json")
	data, err := json.Marshal(map[string]map[string]string{"Replace": {whole: broken}})
	return overlay, errors.Join(err,
		os.WriteFile(broken, []byte(strings.Replace(string(text), m.guard, m.broken, 1)), 0o600),
		os.WriteFile(overlay, data, 0o600))
}

// killer is the first test that failed.
func killer(out string) string {
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return name
		}
	}
	return "(no failing test: the run panicked, hung or did not start)"
}

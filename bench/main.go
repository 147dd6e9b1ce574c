// Command bench measures what playtoken promises in numbers, each next to
// what it is a ratio of, and says which promises hold on this machine.
//
// The decision a newcomer would get wrong: nothing is compared across runs,
// and as little as possible by the clock on the wall. The machine is noisy,
// and whoever asks shares its cores with whoever answers. So everything that
// is measured is a process of its own, they take turns in rounds, A B C A B C,
// a ratio is taken within a round, and what is divided is the CPU time that a
// process took for one answer. What the clock says is shown beside it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// effort is how much time a run takes.
type effort struct {
	rounds  int
	turn    time.Duration // of one contestant in one round
	callers []int         // of the transit engine, at once
	crowd   int           // of projects in one store
}

var (
	full  = effort{rounds: 7, turn: 800 * time.Millisecond, callers: []int{1, 4, 16, 64}, crowd: 10_000}
	quick = effort{rounds: 3, turn: 200 * time.Millisecond, callers: []int{1, 16}, crowd: 1000}
)

func run(args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	isQuick := flags.Bool("quick", false, "less than a minute, and rough")
	profile := flags.String("profile", "", "instead: write a CPU profile of minting over HTTP to this `file`")
	equal := flags.Bool("equal", false, "with -profile: mint equal tokens, not distinct ones")
	task := flags.String("worker", "", "internal: be what is measured")
	job := flags.String("job", "{}", "internal: what the worker needs to know, in JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	how := full
	if *isQuick {
		how = quick
	}
	switch {
	case *task != "":
		return work(ctx, *task, *job, stdout)
	case *profile != "":
		return writeProfile(ctx, *profile, *equal, 10*how.turn, stdout)
	}
	return measure(ctx, how, stdout, stderr)
}

// measure builds, runs and reports everything.
func measure(ctx context.Context, how effort, stdout, progress io.Writer) error {
	dir, err := os.MkdirTemp("", "playtoken-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{effort: how, dir: dir, results: results{}, progress: progress}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	// Everything that could be started runs, and has answered once.
	if err := b.results.play(ctx, how, b.contestants, progress); err != nil {
		return err
	}
	if b.worn, err = b.service.resident(); err != nil {
		return err
	}
	if err := b.transit(ctx); err != nil {
		return err
	}
	return b.report(stdout)
}

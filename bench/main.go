// Command bench measures the numbers that playtoken promises, each as a ratio
// to something measured beside it, and reports which promises hold on this
// machine.
//
// The decision a newcomer would get wrong: nothing is compared across runs,
// and as little as possible by wall-clock time. The machine is noisy, and
// clients share its cores with the servers. So each contestant is a process of
// its own, they take turns in rounds, A B C A B C, a ratio is taken within a
// round, and it divides the CPU times that the processes took for one
// response. Wall-clock ratios are shown beside it.
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

// effort is how much a run measures.
type effort struct {
	rounds  int
	turn    time.Duration // of one contestant in one round
	callers []int         // numbers of concurrent callers of the transit engine
	waiting []int         // numbers of concurrent callers who sign in memory
	crowd   int           // projects in one store

	// shipped builds with the flags of the Dockerfile, which compile every
	// package anew. Otherwise, go build finds what tests have compiled.
	shipped bool
	// rivals adds the build with OpenSSL, its own program, and the servers in Node.
	rivals bool
	out    string // folder of the picture and the page; empty: none
}

var (
	full = effort{rounds: 7, turn: 800 * time.Millisecond, callers: []int{1, 4, 16, 64}, waiting: []int{1, 2, 4, 8, 16, 32}, crowd: 10_000,
		shipped: true, rivals: true}
	quick = effort{rounds: 3, turn: 200 * time.Millisecond, callers: []int{1, 16}, waiting: []int{1, 4, 16}, crowd: 1000,
		shipped: true, rivals: true}
)

func run(args []string, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("out", "artifacts", "write a picture and a page of the results into this `folder`")
	isQuick := flags.Bool("quick", false, "measure for less than a minute; the numbers are rough")
	profile := flags.String("profile", "", "do not measure; write a CPU profile of minting over HTTP to this `file`")
	equal := flags.Bool("equal", false, "with -profile: mint equal tokens instead of distinct ones")
	task := flags.String("worker", "", "internal: run as the worker of this task")
	job := flags.String("job", "{}", "internal: the worker's job, in JSON")
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
	how.out = *out
	return measure(ctx, how, stdout, stderr)
}

// measure builds, runs and reports all contestants.
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
	// All servers run now, and have responded once.
	if err := b.results.play(ctx, how, b.contestants, progress); err != nil {
		return err
	}
	if b.loaded, err = b.service.resident(); err != nil {
		return err
	}
	if err := b.transit(ctx); err != nil {
		return err
	}
	if err := b.observeTiming(ctx); err != nil {
		return err
	}
	return b.report(stdout)
}

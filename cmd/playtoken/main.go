// Command playtoken mints playback tokens for private videos and rotates the
// keys that sign them.
//
// It is the command line: verbs, flags, what is printed, and exit codes.
//
// The decision a newcomer would get wrong: no verb decides anything. A verb that
// acts on projects, keys or tokens is one request to the handlers that serve
// has, made in this process on the same stores. So a verb and its route have the
// same permissions, rules, audit records and results, and cron and an operator
// need no running service.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // rules name time zones, whose table Windows and an empty image have not

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends us at once
	os.Exit(run(ctx, process{
		args: os.Args[1:], environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
	}))
}

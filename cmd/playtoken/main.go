// Command playtoken mints playback tokens for private videos and rotates the
// keys that sign them.
//
// It reads the environment, builds the parts and runs until told to stop. The
// decision a newcomer would get wrong: there is no client and no server here.
// Every verb builds the same parts from the same environment as serve does and
// works on the same stores, so cron and an operator need no running service,
// and what serve knows that a verb does not is nothing.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends us at once
	os.Exit(run(ctx, process{os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr}))
}

package storetest

import (
	"bytes"
	"context"
	"os/exec"
	"sync"
	"testing"
)

// RunProcesses tests what several processes promise each other. Command
// returns a process that opens the same store as open does, calls Work with
// the document's name and exits with status 0 if that worked; a test binary
// that runs itself again does.
func RunProcesses(t *testing.T, open func(t *testing.T) Store, command func(document string) *exec.Cmd) {
	t.Run("WritersOfManyProcessesLoseNoUpdate", func(t *testing.T) {
		s, name := open(t), "test/"+ID()
		var wg sync.WaitGroup
		for range writers / perProcess {
			wg.Go(func() {
				cmd := command(name)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				if err := cmd.Run(); err != nil {
					t.Errorf("a writer: %v\n%s", err, stderr.Bytes())
				}
			})
		}
		wg.Wait()
		if n, _, err := count(t.Context(), s, name); err != nil || n != writers {
			t.Errorf("%d of %d updates are left (%v)", n, writers, err)
		}
	})
}

// perProcess is how many of the writers share a process.
const perProcess = 10

// Work is what the processes of RunProcesses do.
func Work(ctx context.Context, s Store, document string) error {
	failed := make(chan error, perProcess)
	for range perProcess {
		go func() { failed <- add(ctx, s, document) }()
	}
	var first error
	for range perProcess {
		if err := <-failed; err != nil && first == nil {
			first = err
		}
	}
	return first
}

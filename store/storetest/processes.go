package storetest

import (
	"bytes"
	"context"
	"os/exec"
	"sync"
	"testing"
)

// RunProcesses tests a store that several processes use. Command returns a
// process that opens the same store as open does, calls Work with the document's
// name and exits with status 0 if that worked; usually the test binary itself.
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
					t.Errorf("a writer process: %v\n%s", err, stderr.Bytes())
				}
			})
		}
		wg.Wait()
		if n, _, err := count(t.Context(), s, name); err != nil || n != writers {
			t.Errorf("got %d of %d updates (%v), want all", n, writers, err)
		}
	})
}

// perProcess is how many of the writers share a process.
const perProcess = 10

// Work is what each process of RunProcesses does.
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

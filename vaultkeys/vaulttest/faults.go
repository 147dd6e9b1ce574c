package vaulttest

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Seal makes Vault forget its key: it answers 503 until Unseal.
func (s *Server) Seal() {
	s.t.Helper()
	s.do("sealing", func(ctx context.Context, i *instance) error { return i.seal(ctx) })
}

// Unseal ends what Seal began.
func (s *Server) Unseal() {
	s.t.Helper()
	s.do("unsealing", func(ctx context.Context, i *instance) error { return i.open(ctx) })
}

// Kill ends Vault with SIGKILL and leaves connections refused until Restart.
func (s *Server) Kill() {
	s.t.Helper()
	s.do("killing", func(_ context.Context, i *instance) error { return i.kill() })
}

// Restart kills Vault if it still runs, and starts it again on the same storage
// and port. On return it is unsealed.
func (s *Server) Restart() {
	s.t.Helper()
	s.do("restarting", func(ctx context.Context, i *instance) error {
		return errors.Join(i.kill(), i.run(ctx))
	})
}

// Pause stops Vault as it stands: connections are accepted by the kernel and
// never answered. On return no request can be answered any more.
func (s *Server) Pause() {
	s.t.Helper()
	s.do("pausing", func(_ context.Context, i *instance) error {
		if err := i.process.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		return awaitStopped(i.process.pid())
	})
}

// Resume ends what Pause began: requests that waited are answered now.
func (s *Server) Resume() {
	s.t.Helper()
	s.do("resuming", func(_ context.Context, i *instance) error { return i.process.signal(syscall.SIGCONT) })
}

// do carries out a fault on a Vault that belongs to the test alone.
func (s *Server) do(what string, fault func(context.Context, *instance) error) {
	s.t.Helper()
	if s.foreign {
		s.t.Skipf("%s Vault: the one at PLAYTOKEN_TEST_VAULT_ADDR is not ours to disturb", what)
	}
	if s.instance == nil {
		s.t.Fatalf("%s Vault: other tests share it; use Start", what)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := fault(ctx, s.instance); err != nil {
		s.t.Fatalf("%s Vault: %v", what, err)
	}
}

package rsakey

import "sync"

// gate lets users in until it is closed. The zero gate is open.
type gate struct {
	mu     sync.Mutex // makes sure that no user enters after close
	closed bool
	users  sync.WaitGroup
}

// enter reports whether the user is in, and has to leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.users.Add(1)
	return true
}

func (g *gate) leave() { g.users.Done() }

// close lets no more users in, and waits until all have left. It reports whether
// this call closed the gate.
func (g *gate) close() bool {
	g.mu.Lock()
	was := g.closed
	g.closed = true
	g.mu.Unlock()
	g.users.Wait()
	return !was
}

package rsakey

import "sync"

// inUse counts the users of something that may be closed, and lets it be closed
// only when none is left. The zero value is open.
type inUse struct {
	mu     sync.Mutex // makes sure that no user enters after close
	closed bool
	users  sync.WaitGroup
}

// enter reports whether the user is in, and has to leave.
func (u *inUse) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.users.Add(1)
	return true
}

func (u *inUse) leave() { u.users.Done() }

// close lets no more users in, and waits until all have left. It reports whether
// this call was the first.
func (u *inUse) close() bool {
	u.mu.Lock()
	was := u.closed
	u.closed = true
	u.mu.Unlock()
	u.users.Wait()
	return !was
}

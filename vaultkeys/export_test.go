package vaultkeys

// Queues returns the number of keys with calls in progress.
func (s *Store) Queues() int {
	s.batches.mu.Lock()
	defer s.batches.mu.Unlock()
	return len(s.batches.queues)
}

// Token returns the token of the last login.
func (s *Store) Token() string {
	s.session.mu.Lock()
	defer s.session.mu.Unlock()
	return s.session.current.client.Token()
}

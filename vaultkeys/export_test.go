package vaultkeys

// Queues is how many keys somebody waits for.
func (s *Store) Queues() int {
	s.batches.mu.Lock()
	defer s.batches.mu.Unlock()
	return len(s.batches.queues)
}

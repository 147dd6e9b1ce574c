package vaultkeys

// Queues returns the number of keys with calls in progress.
func (s *Store) Queues() int {
	s.batches.mu.Lock()
	defer s.batches.mu.Unlock()
	return len(s.batches.queues)
}

package filekeys

import (
	bolt "go.etcd.io/bbolt"

	"playtoken/secret"
)

// Again returns another handle, as Open does, without the cost of trying the
// password.
func (s *Store) Again() *Store {
	c, _ := newStore(newDatabase(s.db.path, s.db.patience), s.options) // fails only for caches of no size
	c.sealing.Store(s.sealing.Load())
	return c
}

// At is Again for a copy of the file.
func (s *Store) At(path string) *Store {
	c := s.Again()
	c.db.path = path
	return c
}

// CreateEarlier creates a file as earlier versions did, with any password.
func CreateEarlier(path string, password secret.Value) error {
	header, err := newDataKey(password, 2)
	if err != nil {
		return err
	}
	return initialise(path, header, func(*bolt.Tx) error { return nil })
}

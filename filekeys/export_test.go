package filekeys

import (
	"crypto/rsa"

	lru "github.com/hashicorp/golang-lru/v2"

	"playtoken/secret"
)

// Again returns another handle, as Open does, without the cost of trying the
// password.
func (s *Store) Again() *Store {
	parsed, _ := lru.New[sealedKey, *rsa.PrivateKey](parsedKeys) // fails only for sizes below 1
	return &Store{db: newDatabase(s.db.path, s.db.patience), aead: s.aead, parsed: parsed}
}

// At is Again for a copy of the file.
func (s *Store) At(path string) *Store {
	c := s.Again()
	c.db.path = path
	return c
}

// CreateEarlier creates a file as earlier versions did, with any password.
func CreateEarlier(path string, password secret.Value) error {
	return initialise(path, password, 2)
}

package filekeys

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"playtoken/secret"
)

// The password may be changed by another process at any time, and the values are
// encrypted with another key then. So every transaction first compares the header
// with the one that this process knows.

// job is what happens in a transaction.
type job func(tx *bolt.Tx, by *sealing) error

func (s *Store) view(ctx context.Context, do job) error { return s.transact(ctx, s.db.view, do) }

func (s *Store) update(ctx context.Context, do job) error { return s.transact(ctx, s.db.update, do) }

// transact runs a job, and again if the password was changed and this process knows
// the new one.
func (s *Store) transact(ctx context.Context, run func(context.Context, func(*bolt.Tx) error) error, do job) error {
	checked := func(tx *bolt.Tx) error {
		by := s.sealing.Load()
		header, err := readHeader(tx)
		switch {
		case err != nil:
			return err
		case !bytes.Equal(header, by.header):
			return ErrRekeyed
		}
		return do(tx, by)
	}
	err := run(ctx, checked)
	for errors.Is(err, ErrRekeyed) {
		if err := s.reopen(ctx); err != nil {
			return err
		}
		err = run(ctx, checked) // the password may have been changed once more
	}
	return err
}

// ReplacePassword says which password the file may have from now on. It is tried
// when the one that this process knows does not open the file any more.
func (s *Store) ReplacePassword(password secret.Value) { s.password.Store(&password) }

// refusal is a password that did not open a header. It is not tried again, because
// that takes 0.1 s and 32 MB.
type refusal struct {
	header   []byte
	password *secret.Value
}

// reopen learns the key of a file whose password was changed. Errors: ErrRekeyed.
func (s *Store) reopen(ctx context.Context) error {
	s.reopening.Lock()
	defer s.reopening.Unlock()
	header, err := s.header(ctx)
	if err != nil || bytes.Equal(header, s.sealing.Load().header) {
		return err // nil: another call has learnt it
	}
	const todo = "restart it with the new one, or put that into the file from which it has the password"
	password := s.password.Load()
	if password == nil || bytes.Equal(header, s.refused.header) && password == s.refused.password {
		return fmt.Errorf("%w: %s", ErrRekeyed, todo)
	}
	by, err := unwrap(header, *password)
	if err != nil {
		s.refused = refusal{header: header, password: password}
		return fmt.Errorf("%w: %s (%w)", ErrRekeyed, todo, err)
	}
	s.sealing.Store(by)
	return nil
}

// header returns that of the file as it is now.
func (s *Store) header(ctx context.Context) (header []byte, err error) {
	err = s.db.view(ctx, func(tx *bolt.Tx) error {
		header, err = readHeader(tx)
		return err
	})
	return header, err
}

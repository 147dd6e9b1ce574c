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

// transact runs a job, once more if the password was changed and this process can
// learn the new one.
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
	if !errors.Is(err, ErrRekeyed) {
		return err
	}
	if err := s.reopen(ctx); err != nil {
		return err
	}
	return run(ctx, checked)
}

// refusal is a password that did not open a header. It is not tried again, because
// that takes 0.1 s and 32 MB.
type refusal struct {
	header   []byte
	password secret.Value
}

// reopen learns the key of a file whose password was changed. Errors: ErrRekeyed.
func (s *Store) reopen(ctx context.Context) error {
	if s.options.Password == nil {
		return fmt.Errorf("%w: restart it with the new one", ErrRekeyed)
	}
	s.reopening.Lock()
	defer s.reopening.Unlock()
	header, err := s.header(ctx)
	if err != nil || bytes.Equal(header, s.sealing.Load().header) {
		return err // nil: another call has learnt it
	}
	password, err := s.options.Password()
	if err != nil {
		return fmt.Errorf("%w, and the new one cannot be read: %w", ErrRekeyed, err)
	}
	if bytes.Equal(header, s.refused.header) && s.refused.password.Equal(password.Reveal()) {
		return fmt.Errorf("%w, and it was not given the new one", ErrRekeyed)
	}
	by, err := unwrap(header, password)
	if err != nil {
		s.refused = refusal{header: header, password: password}
		return fmt.Errorf("%w, and it was not given the new one: %w", ErrRekeyed, err)
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

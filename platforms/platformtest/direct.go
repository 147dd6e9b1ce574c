package platformtest

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"time"
	"unicode/utf8"

	"playtoken/keyrotation"
	"playtoken/platforms/client"
	"playtoken/store"
)

var (
	_ keyrotation.Registrar = (*Standin)(nil)
	_ keyrotation.Issuer    = (*Standin)(nil)
)

var errUnclear = errors.New("no answer that could be understood")

// Register implements keyrotation.Registrar without HTTP.
func (s *Standin) Register(ctx context.Context, name, publicKey string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f := s.Begin(Call{Op: OpRegister, Name: name, Fingerprint: keyrotation.Fingerprint(publicKey)})
	if problem := BadKey(name, publicKey); problem != "" {
		return "", fmt.Errorf("%w: %s", keyrotation.ErrRefused, problem)
	}
	r := s.Put(f, name, publicKey)
	if err := s.err(f, true); err != nil {
		return "", err
	}
	return r.ID, nil
}

// Issue implements keyrotation.Issuer without HTTP.
func (s *Standin) Issue(ctx context.Context, name string) (keyrotation.IssuedKey, error) {
	if err := ctx.Err(); err != nil {
		return keyrotation.IssuedKey{}, err
	}
	f := s.Begin(Call{Op: OpIssue, Name: name})
	if name == "" {
		return keyrotation.IssuedKey{}, fmt.Errorf("%w: a name is missing", keyrotation.ErrRefused)
	}
	r := s.Make(f, name)
	if err := s.err(f, true); err != nil {
		return keyrotation.IssuedKey{}, err
	}
	return keyrotation.IssuedKey{ID: r.ID, Value: []byte(r.Value)}, nil
}

// List implements keyrotation.Registrar without HTTP.
func (s *Standin) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := s.Begin(Call{Op: OpList})
	if err := s.err(f, f.View < Doubled); err != nil {
		return nil, err
	}
	keys := []keyrotation.PlatformKey{}
	for _, r := range f.Show(s.Rows(f)) {
		keys = append(keys, r.key())
	}
	return keys, nil
}

// Get implements keyrotation.Registrar without HTTP.
func (s *Standin) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	if err := ctx.Err(); err != nil {
		return keyrotation.PlatformKey{}, err
	}
	f := s.Begin(Call{Op: OpGet, KeyID: keyID})
	if f.notFound() {
		return keyrotation.PlatformKey{}, store.ErrNotFound
	}
	if err := s.err(f, true); err != nil {
		return keyrotation.PlatformKey{}, err
	}
	r, ok := s.Find(f, keyID)
	if !ok {
		return keyrotation.PlatformKey{}, store.ErrNotFound
	}
	return r.key(), nil
}

// Delete implements keyrotation.Registrar without HTTP.
func (s *Standin) Delete(ctx context.Context, keyID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f := s.Begin(Call{Op: OpDelete, KeyID: keyID})
	s.Drop(f, keyID)
	if f.notFound() {
		return nil
	}
	return s.err(f, true)
}

func (f Fault) notFound() bool { return f.Answer == Says && f.Status == http.StatusNotFound }

// err is what a client makes of the answer.
func (s *Standin) err(f Fault, believable bool) error {
	switch {
	case f.Answer == Says:
		e := &client.StatusError{Status: f.Status}
		if f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable {
			e.After = client.RetryAfter(http.Header{"Retry-After": {f.RetryAfter}}, s.options.Now())
		}
		return e
	case f.Answer != Honest || !believable:
		return errUnclear
	}
	return nil
}

// Put registers a key as the fault has it, and returns what an honest answer
// shows.
func (s *Standin) Put(f Fault, name, publicKey string) Record {
	return s.put(f, func() Record { return Record{Name: name, PublicKey: publicKey} })
}

// Make makes a key as the fault has it, and returns what an honest answer
// shows.
func (s *Standin) Make(f Fault, name string) Record {
	return s.put(f, func() Record { return Record{Name: name, Value: s.newValue()} })
}

func (s *Standin) put(f Fault, fresh func() Record) Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := fresh()
	r.ID, r.Created = s.newID(), s.settle()
	s.write(f, func(at time.Time) {
		r.Created = at
		s.insert(r)
	})
	if f.Effect == Twice {
		second := fresh()
		second.ID, second.Created = s.newID(), r.Created
		s.insert(second)
	}
	return r
}

// Drop deletes a key as the fault has it, and reports whether there was one.
func (s *Standin) Drop(f Fault, keyID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := find(s.view(0), keyID)
	s.write(f, func(at time.Time) { s.remove(keyID, at) })
	return found
}

// Rows are the keys of the time that the fault has a list show, oldest first.
func (s *Standin) Rows(f Fault) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view(f.Stale)
}

// Find is one of the Rows.
func (s *Standin) Find(f Fault, keyID string) (Record, bool) { return find(s.Rows(f), keyID) }

func (s *Standin) write(f Fault, change func(at time.Time)) {
	now := s.settle()
	switch f.Effect {
	case Once, Twice:
		change(now)
	case Later:
		s.late = append(s.late, late{due: now.Add(f.Delay), change: change})
	}
}

func find(rows []Record, keyID string) (Record, bool) {
	for _, r := range rows {
		if r.ID == keyID {
			return r, true
		}
	}
	return Record{}, false
}

// BadKey is what an honest platform has to say against a key.
func BadKey(name, publicKey string) string {
	if n := utf8.RuneCountInString(name); n < 1 || n > 50 {
		return "name: want 1 to 50 characters"
	}
	if keyrotation.Fingerprint(publicKey) == "" {
		return "public_key: want an RSA public key in PEM"
	}
	return ""
}

// PublicKey returns a well-formed 2048-bit RSA public key, always the same for
// the same seed. Nobody has its private half, and making it costs nothing.
func PublicKey(seed uint64) string {
	dice := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), 1})
	modulus := make([]byte, 256)
	dice.Read(modulus)
	modulus[0] |= 0x80
	modulus[255] |= 1
	text, err := keyrotation.EncodePublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537})
	if err != nil {
		panic(err) // a constant would do as well
	}
	return text
}

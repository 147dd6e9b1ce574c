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

	"playtoken/keyrotation"
	"playtoken/platforms/client"
)

var _ keyrotation.Registrar = (*Standin)(nil)

var errUnclear = errors.New("no answer that could be understood")

// Register implements keyrotation.Registrar without HTTP.
func (s *Standin) Register(ctx context.Context, name, publicKey string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f := s.begin(Call{Op: OpRegister, Name: name, Fingerprint: keyrotation.Fingerprint(publicKey)})
	if problem := badKey(name, publicKey); problem != "" {
		return "", fmt.Errorf("%w: %s", keyrotation.ErrRefused, problem)
	}
	r := s.register(f, name, publicKey)
	if err := s.err(f, true); err != nil {
		return "", err
	}
	return r.id, nil
}

// List implements keyrotation.Registrar without HTTP.
func (s *Standin) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := s.begin(Call{Op: OpList})
	if err := s.err(f, f.View < Doubled); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := []keyrotation.PlatformKey{}
	for _, r := range f.show(s.view(f.Stale)) {
		keys = append(keys, r.key())
	}
	return keys, nil
}

// Get implements keyrotation.Registrar without HTTP.
func (s *Standin) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	if err := ctx.Err(); err != nil {
		return keyrotation.PlatformKey{}, err
	}
	f := s.begin(Call{Op: OpGet, KeyID: keyID})
	if f.notFound() {
		return keyrotation.PlatformKey{}, keyrotation.ErrNotFound
	}
	if err := s.err(f, true); err != nil {
		return keyrotation.PlatformKey{}, err
	}
	r, ok := s.get(f, keyID)
	if !ok {
		return keyrotation.PlatformKey{}, keyrotation.ErrNotFound
	}
	return r.key(), nil
}

// Delete implements keyrotation.Registrar without HTTP.
func (s *Standin) Delete(ctx context.Context, keyID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f := s.begin(Call{Op: OpDelete, KeyID: keyID})
	s.delete(f, keyID)
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

// register returns the record that an honest answer shows.
func (s *Standin) register(f Fault, name, public string) record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := record{id: s.newID(), name: name, public: public, created: s.settle()}
	s.write(f, func(at time.Time) { s.insert(r.id, name, public, at) })
	if f.Effect == Twice {
		s.insert(s.newID(), name, public, r.created)
	}
	return r
}

// delete reports whether there was such a key.
func (s *Standin) delete(f Fault, keyID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := find(s.view(0), keyID)
	s.write(f, func(at time.Time) { s.remove(keyID, at) })
	return found
}

func (s *Standin) get(f Fault, keyID string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return find(s.view(f.Stale), keyID)
}

func (s *Standin) write(f Fault, change func(at time.Time)) {
	now := s.settle()
	switch f.Effect {
	case Once, Twice:
		change(now)
	case Later:
		s.late = append(s.late, late{due: now.Add(f.Delay), change: change})
	}
}

func find(rows []record, keyID string) (record, bool) {
	for _, r := range rows {
		if r.id == keyID {
			return r, true
		}
	}
	return record{}, false
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

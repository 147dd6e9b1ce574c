package standin

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
	_ keyrotation.Registrar = (*Keys)(nil)
	_ keyrotation.Issuer    = (*Keys)(nil)
)

var errUnclear = errors.New("the response cannot be understood")

// Register implements keyrotation.Registrar in process.
func (k *Keys) Register(ctx context.Context, name, publicKey string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f := k.Begin(Call{Op: OpRegister, Name: name, Fingerprint: keyrotation.Fingerprint(publicKey)})
	if problem := BadKey(name, publicKey); problem != "" {
		return "", fmt.Errorf("%w: %s", keyrotation.ErrRefused, problem)
	}
	r := k.Put(f, name, publicKey)
	if err := k.err(f, true); err != nil {
		return "", err
	}
	return r.ID, nil
}

// Issue implements keyrotation.Issuer in process.
func (k *Keys) Issue(ctx context.Context, name string) (keyrotation.IssuedKey, error) {
	if err := ctx.Err(); err != nil {
		return keyrotation.IssuedKey{}, err
	}
	f := k.Begin(Call{Op: OpIssue, Name: name})
	if name == "" {
		return keyrotation.IssuedKey{}, fmt.Errorf("%w: the name is empty", keyrotation.ErrRefused)
	}
	r := k.Make(f, name)
	if err := k.err(f, true); err != nil {
		return keyrotation.IssuedKey{}, err
	}
	return keyrotation.IssuedKey{ID: r.ID, Value: []byte(r.Value)}, nil
}

// List implements keyrotation.Registrar in process.
func (k *Keys) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := k.Begin(Call{Op: OpList})
	if err := k.err(f, f.View < Doubled); err != nil {
		return nil, err
	}
	keys := []keyrotation.PlatformKey{}
	for _, r := range f.Show(k.Rows(f)) {
		keys = append(keys, r.key())
	}
	return keys, nil
}

// Get implements keyrotation.Registrar in process.
func (k *Keys) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	if err := ctx.Err(); err != nil {
		return keyrotation.PlatformKey{}, err
	}
	f := k.Begin(Call{Op: OpGet, KeyID: keyID})
	if f.notFound() {
		return keyrotation.PlatformKey{}, store.ErrNotFound
	}
	if err := k.err(f, true); err != nil {
		return keyrotation.PlatformKey{}, err
	}
	r, ok := k.Find(f, keyID)
	if !ok {
		return keyrotation.PlatformKey{}, store.ErrNotFound
	}
	return r.key(), nil
}

// Delete implements keyrotation.Registrar in process.
func (k *Keys) Delete(ctx context.Context, keyID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f := k.Begin(Call{Op: OpDelete, KeyID: keyID})
	k.Drop(f, keyID)
	if f.notFound() {
		return nil
	}
	return k.err(f, true)
}

func (f Fault) notFound() bool { return f.Response == ErrorStatus && f.Status == http.StatusNotFound }

// err returns the error that a client returns for the response of a fault.
func (k *Keys) err(f Fault, believable bool) error {
	switch {
	case f.Response == ErrorStatus:
		e := &client.StatusError{Status: f.Status}
		if f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable {
			e.After = client.RetryAfter(http.Header{"Retry-After": {f.RetryAfter}}, k.options.Now())
		}
		return e
	case f.Response != Normal || !believable:
		return errUnclear
	}
	return nil
}

// Put registers a key with the effect of a fault, and returns the key that a
// normal response describes.
func (k *Keys) Put(f Fault, name, publicKey string) Record {
	return k.put(f, func() Record { return Record{Name: name, PublicKey: publicKey} })
}

// Make issues a key with the effect of a fault, and returns the key that a
// normal response describes.
func (k *Keys) Make(f Fault, name string) Record {
	return k.put(f, func() Record { return Record{Name: name, Value: k.newValue()} })
}

func (k *Keys) put(f Fault, fresh func() Record) Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := fresh()
	r.ID, r.Created = k.newID(), k.settle()
	k.write(f, func(at time.Time) {
		r.Created = at
		k.insert(r)
	})
	if f.Effect == Twice {
		second := fresh()
		second.ID, second.Created = k.newID(), r.Created
		k.insert(second)
	}
	return r
}

// Drop deletes a key with the effect of a fault, and reports whether the key
// existed.
func (k *Keys) Drop(f Fault, keyID string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, found := find(k.view(0), keyID)
	k.write(f, func(at time.Time) { k.remove(keyID, at) })
	return found
}

// Rows returns the keys that existed Fault.Stale ago, oldest first.
func (k *Keys) Rows(f Fault) []Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view(f.Stale)
}

// Find returns the key with this id from Rows.
func (k *Keys) Find(f Fault, keyID string) (Record, bool) { return find(k.Rows(f), keyID) }

func (k *Keys) write(f Fault, apply func(at time.Time)) {
	now := k.settle()
	switch f.Effect {
	case Once, Twice:
		apply(now)
	case Later:
		k.delayed = append(k.delayed, change{due: now.Add(f.Delay), apply: apply})
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

// BadKey returns why a platform refuses to register a key, or "" if it does
// not.
func BadKey(name, publicKey string) string {
	if n := utf8.RuneCountInString(name); n < 1 || n > 50 {
		return "name: want 1 to 50 characters"
	}
	parsed, err := keyrotation.ParsePublicKey(publicKey)
	if _, isRSA := parsed.(*rsa.PublicKey); err != nil || !isRSA {
		return "public_key: want an RSA public key in PEM"
	}
	return ""
}

// PublicKey returns a well-formed 2048-bit RSA public key, the same for the
// same seed. Its modulus is a random number, so there is no private key to it
// and it costs little to make.
func PublicKey(seed uint64) string {
	dice := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), 1})
	modulus := make([]byte, 256)
	dice.Read(modulus)
	modulus[0] |= 0x80
	modulus[255] |= 1
	text, err := keyrotation.EncodePublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537})
	if err != nil {
		panic(err) // the key is always well-formed
	}
	return text
}

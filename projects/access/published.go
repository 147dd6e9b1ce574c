package access

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"playtoken/keyrotation"
	"playtoken/store"
)

// publishedName is the name of the document of published keys.
const publishedName = "jwks/published"

const (
	maxPublished = 50
	maxName      = 50 // characters
)

// publication is the document of published keys.
type publication struct {
	Keys []publishedKey `json:"keys"`
}

type publishedKey struct {
	KeyID     string    `json:"key_id"` // the thumbprint of PublicKey
	Name      string    `json:"name"`
	PublicKey string    `json:"public_key"` // PEM
	CreatedAt time.Time `json:"created_at"`
}

// Published is the platform that the keys of [RingID] are registered with: the key
// set that this service publishes, one document in the store. Each change is one
// write.
type Published struct{ documents store.Documents }

// NewPublished returns the key set in a store, which has only one.
func NewPublished(documents store.Documents) *Published { return &Published{documents} }

var _ keyrotation.Registrar = (*Published)(nil)

// Register implements [keyrotation.Registrar]. Registering a key twice changes
// nothing, because its id is its thumbprint.
func (p *Published) Register(ctx context.Context, name, publicKey string) (string, error) {
	key, err := rsaKey(publicKey)
	if err == nil && (name == "" || utf8.RuneCountInString(name) > maxName) {
		err = fmt.Errorf("the name must have 1 to %d characters", maxName)
	}
	if err != nil {
		return "", fmt.Errorf("publish key: %w: %w", keyrotation.ErrRefused, err)
	}
	id := thumbprint(key)
	err = p.change(ctx, func(now *publication) (bool, error) {
		switch {
		case now.index(id) >= 0:
			return false, nil
		case len(now.Keys) >= maxPublished:
			return false, fmt.Errorf("%w: the set already has %d keys", keyrotation.ErrRefused, len(now.Keys))
		}
		now.Keys = append(now.Keys, publishedKey{
			KeyID: id, Name: name, PublicKey: publicKey, CreatedAt: time.Now().UTC().Truncate(time.Second),
		})
		return true, nil
	})
	if err != nil {
		return "", fmt.Errorf("publish key: %w", err)
	}
	return id, nil
}

// List implements [keyrotation.Registrar].
func (p *Published) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	now, _, err := p.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("published keys: %w", err)
	}
	shown := []keyrotation.PlatformKey{}
	for _, k := range now.Keys {
		shown = append(shown, k.shown())
	}
	return shown, nil
}

// Get implements [keyrotation.Registrar].
func (p *Published) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	now, _, err := p.load(ctx)
	if err != nil {
		return keyrotation.PlatformKey{}, fmt.Errorf("published keys: %w", err)
	}
	at := now.index(keyID)
	if at < 0 {
		return keyrotation.PlatformKey{}, fmt.Errorf("published key %.80q: %w", keyID, store.ErrNotFound)
	}
	return now.Keys[at].shown(), nil
}

// Delete implements [keyrotation.Registrar].
func (p *Published) Delete(ctx context.Context, keyID string) error {
	err := p.change(ctx, func(now *publication) (bool, error) {
		before := len(now.Keys)
		now.Keys = slices.DeleteFunc(now.Keys, func(k publishedKey) bool { return k.KeyID == keyID })
		return len(now.Keys) < before, nil
	})
	if err != nil {
		return fmt.Errorf("withdraw key %.80q: %w", keyID, err)
	}
	return nil
}

// attempts is how often a change is tried again after a conflict.
const attempts = 20

// change writes the set at most once: it tries again only after conflicts, which
// write nothing.
func (p *Published) change(ctx context.Context, edit func(*publication) (changed bool, err error)) error {
	again := pause{}
	for range attempts {
		if !again.wait(ctx) {
			return ctx.Err()
		}
		now, version, err := p.load(ctx)
		if err != nil {
			return err
		}
		if changed, err := edit(&now); err != nil || !changed {
			return err
		}
		data, err := json.Marshal(now)
		if err != nil {
			return err
		}
		if _, err = p.documents.Write(ctx, publishedName, data, version); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%w: too many concurrent changes of the key set", keyrotation.ErrThrottled)
}

// load reads the set for a change.
func (p *Published) load(ctx context.Context) (publication, int64, error) {
	doc, err := readPublication(ctx, p.documents)
	if err != nil {
		return publication{}, 0, err
	}
	now, _, err := doc.decode(json.RejectUnknownMembers(true))
	return now, doc.Version, err
}

// storedSet is the document; its version 0 is an empty set.
type storedSet store.Document

// Reader is the part of [store.Documents] that reads.
type Reader interface {
	Read(ctx context.Context, name string) (store.Document, error)
}

func readPublication(ctx context.Context, documents Reader) (storedSet, error) {
	doc, err := documents.Read(ctx, publishedName)
	if errors.Is(err, store.ErrNotFound) {
		return storedSet{Data: []byte(`{"keys":[]}`)}, nil
	}
	return storedSet(doc), err
}

// decode refuses a set in which a key's id is not its thumbprint.
func (d storedSet) decode(options ...json.Options) (publication, map[string]*rsa.PublicKey, error) {
	var set publication
	if err := json.Unmarshal(d.Data, &set, options...); err != nil {
		return publication{}, nil, fmt.Errorf("%w: decode published keys: %w", store.ErrUnavailable, err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		key, err := rsaKey(k.PublicKey)
		if err != nil || thumbprint(key) != k.KeyID || keys[k.KeyID] != nil {
			return publication{}, nil, fmt.Errorf("%w: the id of published key %.80q is not its thumbprint", store.ErrUnavailable, k.KeyID)
		}
		keys[k.KeyID] = key
	}
	return set, keys, nil
}

func (p publication) index(keyID string) int {
	return slices.IndexFunc(p.Keys, func(k publishedKey) bool { return k.KeyID == keyID })
}

func (k publishedKey) shown() keyrotation.PlatformKey {
	return keyrotation.PlatformKey{
		ID: k.KeyID, Name: k.Name, PublicKey: k.PublicKey,
		Fingerprint: keyrotation.Fingerprint(k.PublicKey), CreatedAt: k.CreatedAt,
	}
}

// newWebKey is a key of the set.
func newWebKey(id string, key *rsa.PublicKey) keyrotation.WebKey {
	shown, _ := keyrotation.NewWebKey(key) // cannot fail for RSA
	shown.Kid = id
	return shown
}

func thumbprint(key *rsa.PublicKey) string { return newWebKey("", key).Thumbprint() }

// rsaKey reads the public key in text. Access tokens are signed with RSA.
func rsaKey(text string) (*rsa.PublicKey, error) {
	parsed, err := keyrotation.ParsePublicKey(text)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the public key is a %T, want RSA", parsed)
	}
	return key, nil
}

package platforms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"playtoken/keyrotation"
	"playtoken/store"
)

// ErrListChanged means that a list is not what it was when it was read, and that
// nothing was done.
var ErrListChanged = errors.New("the list of keys was changed meanwhile")

// KeyObjects are the keys of an account where a key alone opens nothing; see [Listed].
// No method retries a write. Errors are those of a keyrotation.Registrar.
type KeyObjects interface {
	// Create makes the object of a public key (PEM, SubjectPublicKeyInfo), with exactly
	// one request. Its error is never keyrotation.ErrRefused if the platform has an
	// object of this key already.
	Create(ctx context.Context, name, publicKey string) (keyID string, err error)

	// All returns every object, or an error; never a part of them.
	All(ctx context.Context) ([]keyrotation.PlatformKey, error)

	// One returns what the platform says about one id, or store.ErrNotFound.
	One(ctx context.Context, keyID string) (keyrotation.PlatformKey, error)

	// Remove succeeds if there is no such object.
	Remove(ctx context.Context, keyID string) error
}

// KeyList is the list of the keys whose tokens the platform accepts; see [Listed].
type KeyList interface {
	// Read returns the list as it is now.
	Read(ctx context.Context) (List, error)

	// Replace puts other ids in place of all of a version that was read, with exactly
	// one request. The platform compares the version (If-Match), so that a request
	// which arrives late undoes nothing. Errors: ErrListChanged (412, and 409 where
	// that says the same); after any other one it may have happened.
	Replace(ctx context.Context, keyIDs []string, version string) error
}

// List is a [KeyList] as it was read.
type List struct {
	KeyIDs   []string // in the platform's order
	Version  string   // such as an ETag
	Deployed bool     // every server of the platform has it
}

// Listed is a platform that takes a key in two objects: the key, and a list that names
// it. A key that was made and is not named is shown as one that the platform does not
// accept; the same registration is then repeated, finds it and names it. A key leaves
// the list first, and is removed by a later call when the list without it is deployed.
// Ids in the list that are not ours stay as they are.
type Listed struct {
	Objects KeyObjects
	Names   KeyList
}

var _ keyrotation.Registrar = Listed{}

// changes bounds how often a change of the list is tried again after others changed it.
const changes = 5

// Register implements [keyrotation.Registrar]. Once the object may exist, no error says
// that nothing was done.
func (l Listed) Register(ctx context.Context, name, publicKey string) (keyID string, err error) {
	if err := CheckKey(name, publicKey); err != nil {
		return "", err
	}
	keyID, err = l.made(ctx, publicKey)
	if errors.Is(err, store.ErrNotFound) {
		keyID, err = l.Objects.Create(ctx, name, publicKey)
	}
	if err != nil {
		return "", err
	}
	if _, err := l.change(ctx, func(ids []string) []string { return append(ids, keyID) }, keyID, true); err != nil {
		return "", fmt.Errorf("key %s is made and not in the list: %v", keyID, err)
	}
	return keyID, nil
}

// maxName is the longest name of a key, in characters.
const maxName = 50

// CheckKey refuses, with keyrotation.ErrRefused, a name or a public key that no
// platform takes.
func CheckKey(name, publicKey string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("%w: name: want 1 to %d characters, none of them control characters", keyrotation.ErrRefused, maxName)
	}
	if _, err := keyrotation.ParsePublicKey(publicKey); err != nil {
		return fmt.Errorf("%w: %w", keyrotation.ErrRefused, err)
	}
	return nil
}

// made finds the object of a public key, the oldest if a request that arrived late made
// another one, or returns store.ErrNotFound.
func (l Listed) made(ctx context.Context, publicKey string) (string, error) {
	all, err := l.Objects.All(ctx)
	if err != nil {
		return "", fmt.Errorf("list keys: %v", err)
	}
	var found keyrotation.PlatformKey
	fingerprint := keyrotation.Fingerprint(publicKey)
	for _, k := range all {
		if k.Fingerprint == fingerprint && fingerprint != "" && (found.ID == "" || older(k, found)) {
			found = k
		}
	}
	if found.ID == "" {
		return "", fmt.Errorf("object of a key: %w", store.ErrNotFound)
	}
	return found.ID, nil
}

func older(a, b keyrotation.PlatformKey) bool {
	return a.CreatedAt.Before(b.CreatedAt) || a.CreatedAt.Equal(b.CreatedAt) && a.ID < b.ID
}

// change makes the list name an id, or not, and returns what it is afterwards.
func (l Listed) change(ctx context.Context, with func(ids []string) []string, keyID string, named bool) (List, error) {
	for range changes {
		list, err := l.Names.Read(ctx)
		if err != nil || slices.Contains(list.KeyIDs, keyID) == named {
			return list, err
		}
		err = l.Names.Replace(ctx, with(slices.Clone(list.KeyIDs)), list.Version)
		if err == nil {
			return List{}, nil // deployed later
		}
		if !errors.Is(err, ErrListChanged) {
			return List{}, err
		}
	}
	return List{}, ErrListChanged
}

// List implements [keyrotation.Registrar].
func (l Listed) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	all, err := l.Objects.All(ctx)
	if err != nil {
		return nil, err
	}
	list, err := l.Names.Read(ctx)
	if err != nil {
		return nil, err
	}
	shown := slices.Clone(all)
	for i := range shown {
		shown[i] = list.show(shown[i])
	}
	return shown, nil
}

// Get implements [keyrotation.Registrar].
func (l Listed) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	k, err := l.Objects.One(ctx, keyID)
	if err != nil {
		return keyrotation.PlatformKey{}, err
	}
	list, err := l.Names.Read(ctx)
	return list.show(k), err
}

func (l List) show(k keyrotation.PlatformKey) keyrotation.PlatformKey {
	k.Unlisted = !slices.Contains(l.KeyIDs, k.ID)
	k.Deploying = !k.Unlisted && !l.Deployed
	return k
}

// Delete implements [keyrotation.Registrar]: it takes the key out of the list, and
// removes one that has left it. While the platform still shows the key, it is called
// again.
func (l Listed) Delete(ctx context.Context, keyID string) error {
	without := func(ids []string) []string {
		return slices.DeleteFunc(ids, func(id string) bool { return id == keyID })
	}
	list, err := l.change(ctx, without, keyID, false)
	if err != nil || !list.Deployed {
		return err
	}
	return l.Objects.Remove(ctx, keyID)
}

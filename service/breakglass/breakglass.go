// Package breakglass revokes a key at its platform alone, while the store is away.
//
// The decision a newcomer would get wrong: this is no request to the handlers, as
// every other act of an operator is. Who asks, which project it is, its credential
// and the key of the audit log are all in the store. So this package is given the
// account, opens no store, and leaves the ring alone: a rotation finds that the key
// is missing, and follows, as soon as the store is back.
package breakglass

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/audit"
	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/secret"
	"playtoken/settings"
	"playtoken/store"
)

// callTimeout bounds each call to the platform.
const callTimeout = 10 * time.Second

// Account is where the key is.
type Account struct {
	Project    string // for the record
	Platform   string
	Settings   map[string]string
	Credential map[string]secret.Value
}

// Key is a key that the platform shows.
type Key struct {
	keyrotation.PlatformKey
	Others       int  // keys that the account has beside it, ours and others
	EndsSessions bool // what its tokens opened ends with it

	account Account
	keys    interface {
		Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error)
		Delete(ctx context.Context, keyID string) error
	}
	sessions keyrotation.SessionEnder // nil: the platform cannot end them
}

// Find looks for a key. Errors: settings.Error where the account cannot hold
// keys; store.ErrNotFound, which names the keys that there are;
// *keyrotation.PlatformError.
func Find(ctx context.Context, kinds map[string]platforms.Kind, account Account, keyID string) (*Key, error) {
	kind, known := kinds[account.Platform]
	if !known {
		return nil, settings.Error{fmt.Errorf("no platform %q", account.Platform)}
	}
	opened, err := kind.Open(platforms.Account{
		Project: account.Project, Settings: account.Settings, Credential: account.Credential, Timeout: callTimeout,
	})
	if err != nil {
		return nil, settings.Error{err}
	}
	k := &Key{account: account, sessions: opened.Sessions, EndsSessions: opened.Sessions != nil}
	var list func(context.Context) ([]keyrotation.PlatformKey, error)
	switch {
	case opened.Registrar != nil:
		k.keys, list = opened.Registrar, opened.Registrar.List
	case opened.Issuer != nil:
		k.keys, list = opened.Issuer, opened.Issuer.List
	case opened.Fetches != nil:
		return nil, settings.Error{errors.New("its verifiers fetch the keys from this service, so no key can be deleted at a platform: " +
			"take the key out of the verifiers' own configuration, or stop them")}
	case opened.Carries:
		return nil, settings.Error{errors.New("an operator takes the keys to its verifiers, so no key can be deleted by a call: " +
			"take the key out of the verifiers' own configuration, or stop them")}
	default:
		return nil, settings.Error{fmt.Errorf("%s has no keys that can be deleted: change the credential there", account.Platform)}
	}
	shown, err := list(ctx)
	if err != nil {
		return nil, &keyrotation.PlatformError{Cause: fmt.Errorf("list the keys of the account: %w", err)}
	}
	at := slices.IndexFunc(shown, func(s keyrotation.PlatformKey) bool { return s.ID == keyID })
	if at < 0 {
		return nil, fmt.Errorf("key %q: %w at the platform, which has %s", keyID, store.ErrNotFound, described(shown))
	}
	k.PlatformKey, k.Others = shown[at], len(shown)-1
	return k, nil
}

// described names keys for people.
func described(shown []keyrotation.PlatformKey) string {
	if len(shown) == 0 {
		return "no key at all"
	}
	text := ""
	for i, k := range shown {
		if i == 20 {
			return text + fmt.Sprintf(" and %d more", len(shown)-i)
		}
		text += fmt.Sprintf("\n  %s %q", k.ID, k.Name)
	}
	return text
}

// Revoke deletes the key at the platform, ends the sessions that its tokens opened
// where the platform can, and sees that the key is gone. It may be repeated. Errors:
// *keyrotation.PlatformError, after which the key may be there or not.
func (k *Key) Revoke(ctx context.Context) error {
	remove := k.keys.Delete
	if k.sessions != nil {
		remove = k.sessions.DeleteAndEnd
	}
	if err := remove(ctx, k.ID); err != nil {
		return &keyrotation.PlatformError{Cause: fmt.Errorf("delete key %s: %w; try again: it is gone if the platform has no such key then", k.ID, err)}
	}
	switch _, err := k.keys.Get(ctx, k.ID); {
	case err == nil:
		return &keyrotation.PlatformError{Cause: fmt.Errorf("the platform took the request to delete key %s, and still shows it; try again", k.ID)}
	case !errors.Is(err, store.ErrNotFound):
		return &keyrotation.PlatformError{Cause: fmt.Errorf("key %s is deleted, and whether it is gone is not known: %w; try again", k.ID, err)}
	}
	return nil
}

// Entry is what the audit log says of the revocation.
func (k *Key) Entry(actor, reason, result string) audit.Entry {
	return audit.Entry{
		Actor: "cli", ActorName: actor, Action: "platform_key.revoke", Project: k.account.Project, Subject: "key " + k.ID,
		Key: k.Fingerprint, Result: result, Reason: reason,
	}
}

// Record writes an entry where the settings want the audit log, without the chain,
// whose key is in the store. A file's log takes it over once the store is back.
func Record(set settings.Settings, stderr io.Writer, e audit.Entry) error {
	if set.AuditFile != "" {
		return audit.SetAside(set.AuditFile, e)
	}
	line, err := json.Marshal(struct {
		Time time.Time `json:"time"`
		audit.Entry
	}{time.Now().UTC(), e})
	if err == nil {
		_, err = stderr.Write(append(line, '\n'))
	}
	return err
}

package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"playtoken/secret"
)

const (
	// refusedPause is for how long a refused credential is not presented again, if
	// logins of the role are not counted.
	refusedPause = 5 * time.Second

	// The same where they are: after five refused logins, each within 15 minutes of
	// the one before, Vault locks the role for 15 minutes. A secret id that was
	// refused becomes valid only if a person mends its role.
	firstRefusedPause   = 15 * time.Minute
	longestRefusedPause = time.Hour

	// lockedPause is how long a login waits that was refused because the role is
	// locked. Vault does not look at such a login and does not count it.
	lockedPause = time.Minute
)

// LockedOut is the error of a login to a role for which Vault refuses every login,
// whether or not its secret id is valid. Vault does so for some time after a few
// logins that it refused, of any process that uses the role. It also responds in
// this way where the login method is not mounted, or does not admit this address.
type LockedOut struct {
	Path string // of the login method's mount
	Role string // id of the role
}

func (l *LockedOut) Error() string {
	return fmt.Sprintf("vault refuses every login of the role, most likely because it is locked after refused logins of any process: "+
		"stop what presents an old secret id, then end the lock with: %s", l.Unlock())
}

// Unlock is the command that ends the lock, for an operator of Vault.
func (l *LockedOut) Unlock() string {
	return fmt.Sprintf("vault write -f sys/locked-users/$(vault read -field=accessor sys/auth/%s)/unlock/%s", l.Path, l.Role)
}

// Lock is a role that Vault has locked.
type Lock struct {
	Accessor string // of the login method's mount
	Role     string // id of the role
}

// Unlock is the command that ends the lock, for an operator of Vault.
func (l Lock) Unlock() string {
	return fmt.Sprintf("vault write -f sys/locked-users/%s/unlock/%s", l.Accessor, l.Role)
}

// Locks lists the AppRoles that Vault has locked. Errors: ErrForbidden for a token
// that may not look that up, which the service's may not; store.ErrUnavailable.
func (s *Store) Locks(ctx context.Context) (locks []Lock, err error) {
	r := request{method: http.MethodGet, path: "sys/locked-users", timeout: s.timeout}
	body, err := s.send(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("look up locked roles: %w", err)
	}
	told, err := decode[struct {
		Namespaces []struct {
			Mounts []struct {
				Accessor string   `json:"mount_accessor"`
				Roles    []string `json:"alias_identifiers"`
			} `json:"mount_accessors"`
		} `json:"by_namespace"`
	}](r, body)
	for _, namespace := range told.Namespaces {
		for _, mount := range namespace.Mounts {
			for _, role := range mount.Roles {
				if strings.HasPrefix(mount.Accessor, "auth_approle_") {
					locks = append(locks, Lock{Accessor: mount.Accessor, Role: role})
				}
			}
		}
	}
	return locks, err
}

// refused records a refusal, and returns how long not to try again. The lock is
// held.
func (s *session) refused(err error) time.Duration {
	s.lockout = s.method.locks && errors.Is(err, ErrForbidden)
	pause := refusedPause
	switch {
	case s.lockout && s.refusals == 0: // the secret id was not looked at
		pause = lockedPause
	case s.lockout:
		pause = firstRefusedPause
	case s.method.locks:
		pause = min(firstRefusedPause<<min(s.refusals, 10), longestRefusedPause)
		s.refusals++
	}
	return pause + rand.N(pause/2) // so that processes with one secret id are not refused together
}

// Replace replaces the token, or the secret id, that the store was opened with.
// What did not change goes on as before. A new secret id is tried at once; if
// Vault refuses it, the token of the last login is used for as long as it lasts.
func (s *Store) Replace(token, secretID secret.Value) {
	switch {
	case s.session.method.prove == nil:
		s.session.replaceToken(token.Reveal())
	case s.session.method.locks:
		s.session.replaceSecretID(secretID)
	}
}

// replaceToken uses another configured token.
func (s *session) replaceToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.client.Token() == token || checkToken(token) != nil {
		return
	}
	s.current = grant{client: s.carrying(token), at: time.Now()}
	s.failed, s.failures, s.next = nil, 0, time.Now()
	s.wakeUp()
}

// replaceSecretID logs in with another secret id.
func (s *session) replaceSecretID(secretID secret.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secretID.Equal(secretID.Reveal()) || s.ctx.Err() != nil {
		return
	}
	s.secretID = secretID
	s.replaced++
	s.refusals, s.unproven = 0, true
	s.again()
	if s.busy == nil {
		s.busy = make(chan struct{})
		s.running.Go(s.replace)
	}
}

// again has the next request, or the background, log in without a pause. The lock
// is held.
func (s *session) again() {
	s.failures, s.next, s.paused = 0, time.Now(), time.Now()
	s.wakeUp()
}

func (s *session) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

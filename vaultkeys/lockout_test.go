package vaultkeys_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/secret"
	"playtoken/store"
	"playtoken/vaultkeys"
)

// logins returns when logins were tried.
func (f *fakeTokens) logins() (at []time.Time) {
	f.set(func() { at = append(at, f.seen["/v1/auth/approle/login"]...) })
	return at
}

// readFor reads once a second for so long, and wants each to fail and to show no
// credential.
func readFor(t *testing.T, s *vaultkeys.Store, long time.Duration) (last error) {
	t.Helper()
	for range int(long / time.Second) {
		last = read(t.Context(), s)
		if !errors.Is(last, store.ErrUnavailable) || errors.Is(last, vaultkeys.ErrForbidden) || strings.Contains(last.Error(), "canary") {
			t.Fatalf("got %v, want unavailable without a credential", last)
		}
		time.Sleep(time.Second)
	}
	return last
}

// TestARefusedSecretIDIsSeldomTriedAgain: after five refused logins, each within 15
// minutes of the one before, Vault refuses all logins of the role.
func TestARefusedSecretIDIsSeldomTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{refusal: 400}
		s := f.open(t, byAppRole)
		readFor(t, s, 14*time.Minute)
		if n := len(f.logins()); n != 1 {
			t.Errorf("got %d logins within 14 minutes, want one", n)
		}
		readFor(t, s, 4*time.Hour)
		at := f.logins()
		for i := 1; i < len(at); i++ {
			if pause := at[i].Sub(at[i-1]); pause < 15*time.Minute || pause > 91*time.Minute {
				t.Errorf("got a pause of %s after refusal %d, want 15 to 90 minutes", pause, i)
			}
		}
		f.set(func() { f.refusal, f.ttl = 0, time.Hour })
		time.Sleep(91 * time.Minute)
		if err := read(t.Context(), s); err != nil || len(at) < 4 {
			t.Errorf("Read = %v after %d refused logins, want success after 4 or more", err, len(at))
		}
		if log := f.log.String(); !strings.Contains(log, "invalid role or secret ID") || strings.Contains(log, "canary") {
			t.Errorf("the log is %s, want the message of Vault in it and no credential", log)
		}
	})
}

func TestALockedRoleIsNamedWithTheCommandThatUnlocksIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{refusal: 403}
		s := f.open(t, byAppRole)
		err := readFor(t, s, 10*time.Minute)
		locked, ok := errors.AsType[*vaultkeys.LockedOut](err)
		const unlock = "vault write -f sys/locked-users/$(vault read -field=accessor sys/auth/approle)/unlock/role-1"
		if !ok || locked.Unlock() != unlock || !strings.Contains(err.Error(), unlock) {
			t.Errorf("got %v, want a LockedOut with the command %s", err, unlock)
		}
		if n := len(f.logins()); n < 6 || n > 11 || !s.Login().LockedOut {
			t.Errorf("got %d logins and %+v, want one about every minute, and locked out", n, s.Login())
		}
		if log := f.log.String(); !strings.Contains(log, unlock) {
			t.Errorf("the log is %s, want the command in it", log)
		}
		f.set(func() { f.refusal, f.ttl = 0, time.Hour })
		time.Sleep(2 * time.Minute)
		if err := read(t.Context(), s); err != nil || s.Login().LockedOut {
			t.Errorf("Read = %v, %+v after the unlocking, want success", err, s.Login())
		}
	})
}

// TestALockDoesNotMakeARefusedSecretIDTriedMore: what was refused before the lock
// would be refused after it, and count.
func TestALockDoesNotMakeARefusedSecretIDTriedMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{refusal: 400}
		s := f.open(t, byAppRole)
		readFor(t, s, time.Minute)
		f.set(func() { f.refusal = 403 })
		readFor(t, s, 2*time.Hour)
		at := f.logins()
		for i := 1; i < len(at); i++ {
			if pause := at[i].Sub(at[i-1]); pause < 15*time.Minute {
				t.Errorf("got a pause of %s, want 15 minutes at least", pause)
			}
		}
		if len(at) < 5 {
			t.Errorf("got %d logins in two hours, want 5 or more", len(at))
		}
	})
}

func TestANewSecretIDIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{refusal: 400}
		s := f.open(t, byAppRole)
		readFor(t, s, 3*time.Second)
		f.set(func() { f.refusal, f.ttl, f.max, f.mayRenew = 0, time.Hour, 24*time.Hour, true })
		s.Replace(secret.Value{}, secret.New(secretID)) // it is the same
		readFor(t, s, 3*time.Second)
		s.Replace(secret.Value{}, secret.New("canary-new"))
		synctest.Wait()
		if err := read(t.Context(), s); err != nil {
			t.Errorf("Read = %v with another secret id, want success", err)
		}
		time.Sleep(time.Second) // files are looked at once a second
		f.set(func() { f.refusal = 400 })
		s.Replace(secret.Value{}, secret.New("canary-newer"))
		synctest.Wait()
		if err := read(t.Context(), s); err != nil || len(f.logins()) != 3 || s.Login().Failures != 1 {
			t.Errorf("Read = %v after %d logins, %+v; want the token of the last good login used, after three logins of which one failed",
				err, len(f.logins()), s.Login())
		}
	})
}

// TestNoRenewalHidesThatANewSecretIDIsRefused: the token of the last login is
// renewed for as long as it can be, and the next login is known to fail.
func TestNoRenewalHidesThatANewSecretIDIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{ttl: 10 * time.Minute, max: 24 * time.Hour, mayRenew: true}
		s := f.open(t, byAppRole)
		if err := read(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		f.set(func() { f.refusal = 400 })
		s.Replace(secret.Value{}, secret.New("canary-new"))
		for minute := range 4 * 60 {
			synctest.Wait()
			if err := read(t.Context(), s); err != nil || s.Login().Failures == 0 {
				t.Fatalf("minute %d: Read = %v, %+v; want the old token renewed, and the failure of the login known", minute, err, s.Login())
			}
			time.Sleep(time.Minute)
		}
		at := f.logins()
		for i := 2; i < len(at); i++ {
			if pause := at[i].Sub(at[i-1]); pause < 15*time.Minute {
				t.Errorf("got a pause of %s, want 15 minutes at least", pause)
			}
		}
		if len(at) < 4 {
			t.Errorf("got %d logins in four hours, want the new secret id tried again", len(at))
		}
		f.set(func() { f.refusal = 0 })
		time.Sleep(3 * time.Hour)
		if err := read(t.Context(), s); err != nil || s.Login().Failures != 0 || time.Since(s.Login().At) > 3*time.Hour {
			t.Errorf("Read = %v, %+v once Vault takes the secret id, want a login and no failure", err, s.Login())
		}
	})
}

// TestASecretIDThatIsReplacedDuringALogin: the refusal of the old one says nothing
// about the new one.
func TestASecretIDThatIsReplacedDuringALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{refusal: 400, ttl: time.Hour, hold: make(chan struct{})}
		s := f.open(t, byAppRole)
		synctest.Wait() // the login with the old one is under way
		s.Replace(secret.Value{}, secret.New("canary-new"))
		f.hold <- struct{}{}
		synctest.Wait()
		f.set(func() { f.refusal = 0 })
		close(f.hold)
		synctest.Wait()
		if err := read(t.Context(), s); err != nil || len(f.logins()) != 2 {
			t.Errorf("Read = %v after %d logins, want success after two", err, len(f.logins()))
		}
	})
}

func TestATokenIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTokens{ttl: time.Minute}
		f.tokens = map[string]*fakeToken{token: {ends: time.Now().Add(time.Minute)}, "canary-new": {ends: time.Now().Add(time.Hour)}}
		f.seen = map[string][]time.Time{}
		s := f.open(t, vaultkeys.Login{})
		if err := read(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		readFor(t, s, time.Second)
		s.Replace(secret.New("canary-new"), secret.Value{})
		if err := read(t.Context(), s); err != nil {
			t.Errorf("Read = %v with another token, want success", err)
		}
		time.Sleep(time.Minute)
		if left := time.Until(s.Login().ExpiresAt); left < 50*time.Minute || left > time.Hour {
			t.Errorf("the new token expires in %s, want what Vault says of it", left)
		}
		s.Replace(secret.New("with\nlines"), secret.Value{})
		if err := read(t.Context(), s); err != nil {
			t.Errorf("Read = %v after a token that cannot be one, want success with the one before", err)
		}
	})
}

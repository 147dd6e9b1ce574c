package platformtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/secret"
	"playtoken/signer"

	"playtoken/platforms/standin"
)

func (s Suite) accounts(t *testing.T) {
	s.try(t, "WhatIsRequiredIsMissed", options{}, testMembers)
	s.try(t, "ItIsWhatItSays", options{}, testCapabilities)
	s.try(t, "ItIsWhatItsKindOffers", options{}, testOffer)
	s.try(t, "MembersAreNamedAndExplainedOnce", options{}, func(t *testing.T, _ *bench) {
		var names []string
		for _, member := range append(slices.Clone(s.Kind.Settings), s.Kind.Credentials...) {
			if member.Name == "" || member.Meaning == "" || slices.Contains(names, member.Name) {
				t.Errorf("member %+v: want a name of its own and a meaning", member)
			}
			names = append(names, member.Name)
		}
	})
}

func testMembers(t *testing.T, b *bench) {
	for _, member := range b.suite.Kind.Credentials {
		account := b.account
		account.Credential = maps.Clone(account.Credential)
		delete(account.Credential, member.Name)
		if _, err := b.suite.Kind.Open(account); (err != nil) != (member.Required || member.With != "") || err != nil && !strings.Contains(err.Error(), member.Name) {
			t.Errorf("without the credential's %s: %v", member.Name, err)
		}
		account.Credential[member.Name] = secret.New(canary + "\n")
		_, err := b.suite.Kind.Open(account)
		if err == nil {
			t.Errorf("a line end in %s is accepted", member.Name)
		}
		tells(t, member.Name, err)
	}
	for _, member := range b.suite.Kind.Settings {
		account := b.account
		account.Settings = maps.Clone(account.Settings)
		delete(account.Settings, member.Name)
		if _, err := b.suite.Kind.Open(account); (err != nil) != member.Required {
			t.Errorf("without %s: %v", member.Name, err)
		}
	}
}

func testCapabilities(t *testing.T, b *bench) {
	p := b.platform
	ways := 0
	signed, makers := p.Shape != nil || p.Form != nil, 0
	for _, has := range []bool{p.Shape != nil, p.Form != nil, p.Minter != nil} {
		if has {
			makers++
		}
	}
	for _, has := range []bool{p.Registrar != nil, p.Issuer != nil, p.Fetches != nil, p.Carries} {
		if has {
			ways++
		}
	}
	if makers != 1 || ways > 1 || signed && (ways == 0 || p.Issuer != nil) || (p.Form == nil) != (p.Examine == nil) {
		t.Errorf("capabilities %+v: want a Shape, a Form or a Minter, not more than one way to learn keys, with a Shape or a Form a way to learn public ones, and Examine with a Form alone", p.Capabilities())
	}
	for _, name := range p.URLs {
		field := func(f reflect.StructField) bool { return f.Tag.Get("json") == name+",omitempty" }
		if !slices.ContainsFunc(reflect.VisibleFields(reflect.TypeFor[signer.URLs]()), field) {
			t.Errorf("there is no URL %q", name)
		}
	}
	if b.suite.Kind.Name == "" || len(p.URLs) == 0 {
		t.Errorf("%q has URLs %v", b.suite.Kind.Name, p.URLs)
	}
}

func (s Suite) check(t *testing.T) {
	s.try(t, "ALiveCredential", options{}, func(t *testing.T, b *bench) {
		health, err := b.platform.Check(t.Context())
		if err != nil || health.Detail == "" {
			t.Errorf("Check = %+v, %v, want success with a detail", health, err)
		}
		if n := len(b.wire.Requests()); n == 0 {
			t.Error("Check made no request, want one")
		}
	})
	s.try(t, "AStrangersCredential", options{}, testStranger)
	s.try(t, "TheTimeoutIsObeyed", options{}, func(t *testing.T, b *bench) {
		account := b.account
		account.Timeout = 2 * time.Second
		p, err := s.Kind.Open(account)
		if err != nil {
			t.Fatal(err)
		}
		b.wire.Script(standin.Fault{Response: standin.Silent})
		start := time.Now()
		if _, err := p.Check(t.Context()); err == nil || time.Since(start) != account.Timeout {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
	check := func(ctx context.Context, b *bench) error { _, err := b.platform.Check(ctx); return err }
	s.faults(t, check, func(t *testing.T, status int, err error) {
		unauthorized, throttled := status == 401 || status == 403, status == 429
		if err == nil || errors.Is(err, keyrotation.ErrUnauthorized) != unauthorized || errors.Is(err, keyrotation.ErrThrottled) != throttled {
			t.Errorf("Check with status %d = %v, want an error, with ErrUnauthorized: %v, ErrThrottled: %v", status, err, unauthorized, throttled)
		}
	})
	s.limits(t, check)
}

func testStranger(t *testing.T, b *bench) {
	account := b.account
	account.Credential = map[string]secret.Value{}
	for name := range b.account.Credential {
		account.Credential[name] = secret.New("credential-of-another-account")
	}
	account.Issued = func(context.Context) (platforms.IssuedKey, error) {
		return platforms.IssuedKey{ID: "another", Value: secret.New("key-of-another-account")}, nil
	}
	p, err := b.suite.Kind.Open(account)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Check(t.Context()); !errors.Is(err, keyrotation.ErrUnauthorized) {
		t.Errorf("Check with an unknown credential = %v, want ErrUnauthorized", err)
	}
}

// act is something that asks the platform.
type act func(ctx context.Context, b *bench) error

// faults is an act under all that can go wrong on the way. Judge gets the
// error and the status that was answered, 0 if the answer was no answer.
func (s Suite) faults(t *testing.T, do act, judge func(t *testing.T, status int, err error)) {
	faults := map[string]standin.Fault{}
	for status := range meanings {
		faults[fmt.Sprint(status)] = standin.Fault{Response: standin.ErrorStatus, Status: status, Effect: standin.Never, RetryAfter: "7"}
	}
	for name, answer := range standin.Unclear() {
		faults[name] = standin.Fault{Response: answer, Effect: standin.Never}
	}
	for name, fault := range faults {
		for _, fault.Echo = range []bool{false, true} {
			s.try(t, fmt.Sprintf("Fault/%s/echo %v", name, fault.Echo), options{}, func(t *testing.T, b *bench) {
				b.testFault(t, do, fault, judge)
			})
		}
	}
	for name, answer := range map[string]standin.Response{"silent": standin.Silent, "slow": standin.Slow} {
		s.try(t, "CancellingIsPrompt/"+name, options{}, func(t *testing.T, b *bench) { b.testPrompt(t, do, answer) })
	}
}

func (b *bench) testFault(t *testing.T, do act, fault standin.Fault, judge func(*testing.T, int, error)) {
	b.wire.Script(fault)
	start := time.Now()
	err := do(t.Context(), b)
	judge(t, fault.Status, err)
	tells(t, "call", err)
	if took := time.Since(start); took > time.Minute {
		t.Errorf("gave up only after %s", took)
	}
	synctest.Wait() // the platform has noticed that the client is gone
	if n := b.sent.Load(); n > 2<<20 {
		t.Errorf("took %d bytes of an answer", n)
	}
	if n := len(b.wire.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
	if b.strays.Load() != 0 {
		t.Error("it talked to another host")
	}
	time.Sleep(time.Hour) // of the bubble, until every wait is over
	if err := do(t.Context(), b); err != nil {
		t.Errorf("without the fault: %v", err)
	}
}

func (b *bench) testPrompt(t *testing.T, do act, answer standin.Response) {
	ctx, cancel := context.WithCancel(t.Context())
	b.wire.Script(standin.Fault{Response: answer})
	done := make(chan error, 1)
	go func() { done <- do(ctx, b) }()
	synctest.Wait()
	start := time.Now()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || time.Since(start) != 0 {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

// limits is about platforms that say how many calls are left.
func (s Suite) limits(t *testing.T, do act) {
	if s.Limit.Calls == 0 {
		return
	}
	s.try(t, "Limit/HealthSaysWhatIsLeft", options{}, func(t *testing.T, b *bench) {
		b.wire.SetHeader(s.Limit.Left(s.Limit.Calls - 23))
		health, err := b.platform.Check(t.Context())
		if err != nil || health.Limit != s.Limit.Calls || health.Remaining != s.Limit.Calls-23 || health.Window != s.Limit.Window {
			t.Errorf("Check = %+v, %v, want %d of %d calls left in %s", health, err, s.Limit.Calls-23, s.Limit.Calls, s.Limit.Window)
		}
	})
	s.try(t, "Limit/CallsLeftIsKnownFromTheFirstResponseOn", options{}, testCallsLeft)
	s.try(t, "Limit/NothingIsSentWhenNothingIsLeft", options{}, func(t *testing.T, b *bench) {
		b.wire.SetHeader(s.Limit.Left(0))
		if err := do(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.wire.SetHeader(nil)
		sent := len(b.wire.Requests())
		if err := do(t.Context(), b); !errors.Is(err, keyrotation.ErrThrottled) || len(b.wire.Requests()) != sent {
			t.Errorf("%v, %d more requests", err, len(b.wire.Requests())-sent)
		}
		time.Sleep(s.Limit.Window)
		if err := do(t.Context(), b); err != nil {
			t.Errorf("in the next window: %v", err)
		}
	})
	s.try(t, "Limit/ACrowdKeepsItAndEveryCallSucceeds", options{}, func(t *testing.T, b *bench) { b.testCrowd(t, do) })
}

func testCallsLeft(t *testing.T, b *bench) {
	limit := b.suite.Limit
	if calls, known := b.platform.CallsLeft(); known {
		t.Errorf("CallsLeft before the first call = %d, want unknown", calls)
	}
	b.wire.SetHeader(limit.Left(limit.Calls - 23))
	if _, err := b.platform.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls, known := b.platform.CallsLeft(); !known || calls != limit.Calls-23 {
		t.Errorf("CallsLeft = %d, %v, want %d", calls, known, limit.Calls-23)
	}
	if n := len(b.wire.Requests()); n != 1 {
		t.Errorf("got %d requests, want only that of Check", n)
	}
}

// testCrowd has three windows' worth of callers at once, who come back when
// they are told to.
func (b *bench) testCrowd(t *testing.T, do act) {
	limit := b.suite.Limit
	var crowd sync.WaitGroup
	for range 3 * limit.Calls {
		crowd.Go(func() {
			err := do(t.Context(), b)
			for errors.Is(err, keyrotation.ErrThrottled) {
				var says interface{ RetryAfter() time.Duration }
				if !errors.As(err, &says) {
					break
				}
				time.Sleep(says.RetryAfter())
				err = do(t.Context(), b)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	crowd.Wait()
	sent := b.wire.Requests()
	for i := range sent {
		if j := i + limit.Calls; j < len(sent) && sent[j].Sub(sent[i]) < limit.Window {
			t.Fatalf("more than %d calls within %s", limit.Calls, sent[j].Sub(sent[i]))
		}
	}
}

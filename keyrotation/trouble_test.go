package keyrotation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"playtoken/store"
)

// at is a time in these tests.
func at(minute int) time.Time { return time.Date(2026, 1, 1, 12, minute, 0, 0, time.UTC) }

// told lists troubles as "code generation id @minute".
func told(troubles []Trouble) string {
	var all []string
	for _, t := range troubles {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %d %s", t.Code, t.Generation, t.KeyID))+fmt.Sprintf(" @%d", t.Since.Minute()))
	}
	return strings.Join(all, ", ")
}

func TestWhatLastsKeepsTheTimeAtWhichItWasFirstSeen(t *testing.T) {
	missing := func(generation, since int) Trouble {
		return Trouble{Code: KeyIsMissing, Generation: generation, Since: at(since)}
	}
	foreign := func(id string, since int) Trouble { return Trouble{Code: KeyIsUnmanaged, KeyID: id, Since: at(since)} }
	never := func(Trouble) bool { return false }
	for name, test := range map[string]struct {
		known, found []Trouble
		kept         func(Trouble) bool
		want         string
	}{
		"nothing":                        {nil, nil, always, ""},
		"a new one":                      {nil, []Trouble{missing(1, 0)}, never, "key_missing 1 @9"},
		"one that is found again":        {[]Trouble{missing(1, 2)}, []Trouble{missing(1, 0)}, never, "key_missing 1 @2"},
		"one of another key":             {[]Trouble{missing(1, 2)}, []Trouble{missing(2, 0)}, never, "key_missing 2 @9"},
		"one that the finder cannot see": {[]Trouble{missing(1, 2)}, nil, always, "key_missing 1 @2"},
		"one that is over":               {[]Trouble{missing(1, 2)}, nil, never, ""},
		"one that is kept and found":     {[]Trouble{missing(1, 2)}, []Trouble{missing(1, 0)}, always, "key_missing 1 @2"},
		"what stops more comes first": {[]Trouble{foreign("a", 1)}, []Trouble{missing(2, 0), missing(1, 0), {Code: StoreUnreachable}}, always,
			"store_unreachable 0 @9, key_missing 1 @9, key_missing 2 @9, key_unmanaged 0 a @1"},
		"those of one code by id": {nil, []Trouble{foreign("b", 0), foreign("a", 0)}, never, "key_unmanaged 0 a @9, key_unmanaged 0 b @9"},
	} {
		if got := told(renew(test.known, test.found, at(9), test.kept)); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// A stranger who fills the account must not fill the ring, nor hide what else is
// wrong.
func TestARingKeepsAFewTroublesOfOneCode(t *testing.T) {
	var many []Trouble
	for i := range 3 * maxTroubles {
		many = append(many, Trouble{Code: KeyIsUnmanaged, KeyID: fmt.Sprintf("id%03d", i)})
	}
	many = append(many, Trouble{Code: ClockApart})
	got := renew(many, many, at(9), always)
	if len(got) != maxTroubles+1 || got[0].Code != ClockApart {
		t.Errorf("got %d troubles, %s; want the clock and %d more", len(got), told(got), maxTroubles)
	}
	if again := renew(got, many, at(10), always); !sameTroubles(again, got) {
		t.Errorf("got %s the next time, want the same: %s", told(again), told(got))
	}
}

func TestEveryCodeHasOneRow(t *testing.T) {
	codes := TroubleCodes()
	for _, code := range codes {
		if n := len(slices.DeleteFunc(slices.Clone(codes), func(c TroubleCode) bool { return c != code })); n != 1 {
			t.Errorf("%s: got %d rows, want 1", code, n)
		}
	}
	if got := TroubleCode("of_a_newer_version").Stops(); got != StopsNothing {
		t.Errorf("an unknown code stops %d, want nothing", got)
	}
}

func TestAnErrorHasTheCodeOfItsCause(t *testing.T) {
	at := func(err error) error { return fmt.Errorf("look: %w", fromPlatform(fmt.Errorf("GET: %w", err))) }
	for _, test := range []struct {
		err  error
		want TroubleCode
	}{
		{at(ErrUnauthorized), PlatformRefusesCredential},
		{at(ErrThrottled), PlatformThrottles},
		{at(ErrRefused), LastRunFailed},
		{at(errors.New("connection refused")), PlatformUnreachable},
		{at(store.ErrNotFound), PlatformUnreachable},
		{fmt.Errorf("write ring: %w", store.ErrUnavailable), StoreUnreachable},
		{errors.Join(errors.New("else"), store.ErrUnavailable), StoreUnreachable},
		{errors.New("no random numbers"), LastRunFailed},
	} {
		if got := codeOf(test.err); got != test.want {
			t.Errorf("%v: got %s, want %s", test.err, got, test.want)
		}
	}
}

func TestATextOfAnotherPartyIsCutBetweenCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"":           "",
		"short":      "short",
		"12345678":   "12345678",
		"1234567é":   "1234567…",
		"1234567890": "12345678…",
		"a\xffb":     "ab",
	} {
		if got := shortened(text, 8); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestRotationIsOverdueSinceTheFirstThingThatStoppedIt(t *testing.T) {
	r := &Rotator{Policy: Policy{ObserveEvery: 10 * time.Minute}, Clock: func() time.Time { return at(30) }}
	ring := func(change func(*Ring)) Ring {
		ring := Ring{Durations: Durations{Settle: time.Minute}, LastRun: Run{SuccessAt: at(0)},
			Keys: []Key{{Generation: 1, State: Active, CreatedAt: at(1)}}}
		change(&ring)
		return ring
	}
	for name, test := range map[string]struct {
		ring  Ring
		since int // minute; 0: not overdue
	}{
		"nothing is due":         {ring(func(*Ring) {}), 0},
		"an empty ring":          {Ring{}, 0},
		"due for eleven minutes": {ring(func(r *Ring) { r.NextAction = at(19) }), 0},
		"due for longer":         {ring(func(r *Ring) { r.NextAction = at(18) }), 18},
		"due later":              {ring(func(r *Ring) { r.NextAction = at(40) }), 0},
		"it never succeeded":     {ring(func(r *Ring) { r.LastRun.SuccessAt = time.Time{} }), 1},
		"stopped":                {ring(func(r *Ring) { r.Troubles = []Trouble{{Code: ClockApart, Since: at(12)}} }), 12},
		"stopped just now":       {ring(func(r *Ring) { r.Troubles = []Trouble{{Code: ClockApart, Since: at(29)}} }), 0},
		"viewers are stopped and rotation is not": {ring(func(r *Ring) { r.Troubles = []Trouble{{Code: KeyIsMissing, Since: at(12)}} }), 0},
		"stopped, and due before": {ring(func(r *Ring) {
			r.NextAction, r.Troubles = at(5), []Trouble{{Code: MoveBlocked, Since: at(12)}}
		}), 5},
	} {
		since, overdue := r.overdueSince(test.ring)
		if overdue != (test.since > 0) || overdue && !since.Equal(at(test.since)) {
			t.Errorf("%s: got overdue %t since %s, want since minute %d", name, overdue, since.Format(time.TimeOnly), test.since)
		}
		late := slices.ContainsFunc(r.Troubles(test.ring), func(t Trouble) bool { return t.Code == RotationOverdue && t.Since.Equal(since) })
		if late != overdue || r.Overdue(test.ring) != overdue {
			t.Errorf("%s: got %s, overdue %t; want both to say %t", name, told(r.Troubles(test.ring)), r.Overdue(test.ring), overdue)
		}
	}
}

func TestAKeyIsMissingIfTheNewestLookSaysSo(t *testing.T) {
	key := func(state State) Key { return Key{Generation: 1, State: state} }
	lost := key(Active)
	lost.LostAt = at(1)
	for name, test := range map[string]struct {
		key  Key
		ring Ring
		want bool
	}{
		"all is well":                   {key(Active), Ring{}, false},
		"the platform shows no key":     {key(Active), Ring{LostAt: at(1)}, true},
		"a key that it need not show":   {key(Generated), Ring{LostAt: at(1)}, false},
		"it was given up":               {lost, Ring{}, true},
		"this key alone is missing":     {key(Retiring), Ring{Troubles: []Trouble{{Code: KeyIsMissing, Generation: 1}}}, true},
		"another key is missing":        {key(Active), Ring{Troubles: []Trouble{{Code: KeyIsMissing, Generation: 2}}}, false},
		"something else is wrong there": {key(Active), Ring{Troubles: []Trouble{{Code: KeyIsMismatched, Generation: 1}}}, false},
	} {
		if got := test.ring.MissingAtPlatform(test.key); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}

// What a look found is over once moves have ended it, without another look.
func TestWhatALookFoundEndsWithItsKey(t *testing.T) {
	ring := func(state State, change func(*Ring)) Ring {
		ring := Ring{Keys: []Key{{Generation: 1, State: state}}}
		if change != nil {
			change(&ring)
		}
		return ring
	}
	losing := func(r *Ring) { r.LostAt = at(1) }
	for _, test := range []struct {
		trouble Trouble
		ring    Ring
		want    bool
	}{
		{Trouble{Code: KeyIsMissing, Generation: 1}, ring(Active, nil), true},
		{Trouble{Code: KeyIsMissing, Generation: 1}, ring(Quarantined, nil), true},
		{Trouble{Code: KeyIsMissing, Generation: 1}, ring(Revoking, nil), false},
		{Trouble{Code: KeyIsMissing, Generation: 1}, ring(Retiring, func(r *Ring) { r.Keys[0].LostAt = at(1) }), false},
		{Trouble{Code: KeyIsMissing, Generation: 2}, ring(Active, nil), false},
		{Trouble{Code: KeyIsMismatched, Generation: 1}, ring(Deleted, nil), false},
		{Trouble{Code: KeyIsUnconfirmed, Generation: 1}, ring(Registered, nil), true},
		{Trouble{Code: KeyIsUnconfirmed, Generation: 1}, ring(Registered, func(r *Ring) { r.Keys[0].ConfirmedAt = at(1) }), false},
		{Trouble{Code: AllKeysMissing}, ring(Active, losing), true},
		{Trouble{Code: AllKeysMissing}, ring(Active, nil), false},
		{Trouble{Code: AccountWithoutOurKeys}, ring(Revoking, losing), false},
		{Trouble{Code: RestoredActiveGone, Generation: 1}, ring(Active, nil), true},
		{Trouble{Code: RestoredActiveGone, Generation: 1}, ring(Retiring, nil), false},
		{Trouble{Code: RestoredKeysRevoked}, ring(Revoking, nil), true},
		{Trouble{Code: RestoredKeysRevoked}, ring(Active, nil), false},
		{Trouble{Code: RestoredActivePresent, Generation: 1}, ring(Retiring, nil), true},
		{Trouble{Code: KeyIsUnmanaged, KeyID: "id9"}, ring(Active, nil), true},
	} {
		if got := test.ring.mayLast(test.trouble); got != test.want {
			t.Errorf("%s of generation %d, which is %s: got %t, want %t", test.trouble.Code, test.trouble.Generation, test.ring.Keys[0].State, got, test.want)
		}
		test.ring.Troubles = []Trouble{test.trouble}
		after := (&Rotator{}).newPass(Order{}).troubles(test.ring)
		if lasts := slices.ContainsFunc(after, test.trouble.Same); lasts != test.want {
			t.Errorf("%s after a pass: got %s, want it to last: %t", test.trouble.Code, told(after), test.want)
		}
	}
}

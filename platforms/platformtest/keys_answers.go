package platformtest

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"

	"playtoken/platforms/standin"
)

func (s Suite) lists(t *testing.T) {
	for _, relative := range []bool{false, true} {
		s.try(t, fmt.Sprintf("EveryPageIsRead/relative links %v", relative), options{pageSize: 10, relative: relative}, testPages)
	}
	for name, view := range map[string]standin.View{"doubled": standin.Doubled, "circular": standin.Circular, "unending": standin.Unending, "abroad": standin.OtherHost, "astray": standin.OtherResource} {
		s.try(t, "NotBelieved/"+name, options{pageSize: 10, fault: func(standin.Call) standin.Fault { return standin.Fault{View: view} }}, testNoList)
	}
	s.try(t, "NoPageIsReadTwice", options{pageSize: 10, fault: func(standin.Call) standin.Fault { return standin.Fault{View: standin.Circular} }}, func(t *testing.T, b *bench) {
		testNoList(t, b)
		if n := b.Count(standin.OpList); n > 2 {
			t.Errorf("it read %d pages, of which there are two", n)
		}
	})
	for page := range 3 {
		for name, answer := range standin.Unclear() {
			faults := append(make([]standin.Fault, page), standin.Fault{Response: answer})
			s.try(t, fmt.Sprintf("NoPart/page %d %s", page, name), options{pageSize: 10}, func(t *testing.T, b *bench) {
				b.Script(faults...)
				testNoList(t, b)
			})
		}
	}
	s.layouts(t)
}

func (s Suite) layouts(t *testing.T) {
	for name, view := range map[string]standin.View{"reordered": standin.Reordered, "rewrapped": standin.Rewrapped, "other line ends": standin.CRLF,
		"blanks in the markers": standin.Spaced, "one line": standin.OneLine} {
		s.try(t, "TheSameKeys/"+name, options{fault: func(standin.Call) standin.Fault { return standin.Fault{View: view} }}, testOtherLook)
	}
	for name, view := range map[string]standin.View{"blanks in the markers": standin.Spaced, "one line": standin.OneLine, "cut off": standin.CutOff} {
		fault := func(standin.Call) standin.Fault { return standin.Fault{View: view} }
		s.try(t, "TheResponseIsBelieved/"+name, options{fault: fault}, testOtherLayout)
	}
	s.try(t, "UnreadableKeysAreListed", options{}, func(t *testing.T, b *bench) {
		if b.creating() == standin.OpIssue {
			return
		}
		for _, text := range []string{"", "-----BEGIN PUBLIC KEY-----...", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", strings.Repeat("x", 20000)} {
			b.Add("not ours", text)
		}
		list, err := b.client().List(t.Context())
		if err != nil || !slices.Equal(plain(list), b.Current()) || list[3].Fingerprint != "" {
			t.Errorf("List = %+v, %v, want every key, unreadable ones without a fingerprint", list, err)
		}
	})
}

// testOtherLayout: a response with an id is about the key that was sent, however
// it shows that.
func testOtherLayout(t *testing.T, b *bench) {
	id, err := b.create(t.Context(), "playtoken #1 kabcdefghijklmnopqrstuvwxyz", standin.PublicKey(1))
	if err != nil || len(b.Current()) != 1 || b.Current()[0].ID != id {
		t.Errorf("%s = %q, %v, want the id of %v", b.creating(), id, err, b.Current())
	}
	if _, err := b.client().Get(t.Context(), id); err != nil {
		t.Errorf("Get = %v, want success", err)
	}
}

func fill(b *bench) {
	for i := range 25 {
		b.add(fmt.Sprintf("key %d", i), uint64(i))
	}
}

func testPages(t *testing.T, b *bench) {
	fill(b)
	list, err := b.client().List(t.Context())
	if err != nil || !slices.Equal(plain(list), b.Current()) || b.Count(standin.OpList) != 3 {
		t.Errorf("%d keys by %d calls, %v", len(list), b.Count(standin.OpList), err)
	}
}

func testNoList(t *testing.T, b *bench) {
	fill(b)
	list, err := b.client().List(t.Context())
	if err == nil || list != nil || kinds(err) != "" {
		t.Errorf("%d keys, %v", len(list), err)
	}
	if b.strays.Load() != 0 {
		t.Error("it talked to another host")
	}
	if n := b.Count(standin.OpList); n > 1000 {
		t.Errorf("it read %d pages", n)
	}
}

func testOtherLook(t *testing.T, b *bench) {
	fill(b)
	list, err := b.client().List(t.Context())
	got, want := map[string]string{}, map[string]string{}
	for _, key := range list {
		got[key.ID] = key.Fingerprint
	}
	for _, key := range b.Current() {
		want[key.ID] = key.Fingerprint
		if _, listed := got[key.ID]; !listed || got[key.ID] != key.Fingerprint || (key.Fingerprint == "") != (b.creating() == standin.OpIssue) {
			t.Errorf("key %s: %q, want %q", key.ID, got[key.ID], key.Fingerprint)
		}
	}
	if err != nil || len(list) != 25 || len(got) != len(want) {
		t.Errorf("%d keys, %v", len(list), err)
	}
}

// meanings are the errors of a Registrar for a status; nil: whether the call had
// an effect is unknown.
var meanings = map[int]error{
	400: keyrotation.ErrRefused, 413: keyrotation.ErrRefused, 422: keyrotation.ErrRefused,
	401: keyrotation.ErrUnauthorized, 403: keyrotation.ErrUnauthorized,
	429: keyrotation.ErrThrottled,
	300: nil, 302: nil, 304: nil, 307: nil, 404: nil, 405: nil, 408: nil, 409: nil, 418: nil,
	500: nil, 502: nil, 503: nil, 504: nil, 599: nil,
}

func (s Suite) statuses(t *testing.T) {
	for status, meaning := range meanings {
		s.try(t, fmt.Sprint(status), options{}, func(t *testing.T, b *bench) { testStatus(t, b, status, meaning) })
	}
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": time.Second, "1": time.Second, "3600": time.Hour, "3601": time.Hour,
		"1000000000": time.Hour, "99999999999999999999": time.Hour,
		"Sat, 01 Jan 2000 00:02:00 GMT": 2 * time.Minute, // a bubble's clock starts at midnight
		"Fri, 31 Dec 1999 00:00:00 GMT": time.Second,
		"Sun, 01 Jan 2090 00:00:00 GMT": time.Hour,
		"":                              0, "-5": 0, "1.5": 0, "soon": 0, "7, 8": 0,
	} {
		s.try(t, "RetryAfter/"+header, options{}, func(t *testing.T, b *bench) { testRetryAfter(t, b, header, want) })
	}
}

func testStatus(t *testing.T, b *bench, status int, meaning error) {
	id := b.add("there", 1)
	for _, op := range b.ops() {
		want := ""
		if meaning != nil {
			want = meaning.Error()
		}
		if status == http.StatusNotFound && op == standin.OpGet {
			want = store.ErrNotFound.Error()
		}
		b.ScriptOp(op, standin.Refuse(status))
		before := b.Count(op)
		err := b.call(t.Context(), op, id)
		if status == http.StatusNotFound && op == standin.OpDelete {
			if err != nil {
				t.Errorf("delete of a key that is not there: %v", err)
			}
		} else if err == nil || kinds(err) != want {
			t.Errorf("%s: %v, which says %q, want %q", op, err, kinds(err), want)
		}
		if n := b.Count(op) - before; n != 1 {
			t.Errorf("%s: %d requests", op, n)
		}
	}
}

// testRetryAfter leaves the default to the client.
func testRetryAfter(t *testing.T, b *bench, header string, want time.Duration) {
	b.Script(standin.Throttle(header))
	_, err := b.client().List(t.Context())
	var says interface{ RetryAfter() time.Duration }
	if !errors.Is(err, keyrotation.ErrThrottled) || !errors.As(err, &says) {
		t.Fatal(err)
	}
	got := says.RetryAfter()
	if want != 0 && got != want || got < time.Second || got > time.Hour {
		t.Errorf("come back after %s, want %s", got, want)
	}
}

func (s Suite) secrets(t *testing.T) {
	faults := lossy()
	for status := range meanings {
		faults[fmt.Sprint(status)] = standin.Refuse(status)
	}
	faults["a success"] = standin.Fault{}
	for name, fault := range faults {
		fault.Echo = true
		s.try(t, name, options{}, func(t *testing.T, b *bench) { testSecret(t, b, fault) })
	}
}

// testSecret looks for the credential in every error, however it is printed.
func testSecret(t *testing.T, b *bench, fault standin.Fault) {
	id := b.add("there", 1)
	for _, op := range b.ops() {
		b.ScriptOp(op, fault)
		tells(t, string(op), b.call(t.Context(), op, id))
	}
}

// tells reports an error that shows a credential, or too much of anything.
func tells(t *testing.T, doing string, err error) {
	t.Helper()
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Error("call", "err", err)
	text := fmt.Sprintf("%v %+v %#v %q ", err, err, err, err) + log.String()
	for e := err; e != nil; e = errors.Unwrap(e) {
		text += fmt.Sprintf("%v %+v %#v ", e, e, e)
	}
	if holdsCanary(text) {
		t.Errorf("%s: the credential is in %s", doing, text)
	}
	if err != nil && len(err.Error()) > 500 {
		t.Errorf("%s: an error of %d bytes", doing, len(err.Error()))
	}
}

// holdsCanary looks for a credential in any of its forms.
func holdsCanary(text string) bool {
	for _, form := range []string{canary, canary[:12], canary[12:], base64.StdEncoding.EncodeToString([]byte(canary))[:30], hex.EncodeToString([]byte(canary))} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

package platformtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
)

// Run checks the promises that every client of a key API keeps, whatever the
// platform and the network do.
func Run(t *testing.T, maker Maker) {
	t.Run("Keys", func(t *testing.T) { runKeys(t, maker) })
	t.Run("Lists", func(t *testing.T) { runLists(t, maker) })
	t.Run("Statuses", func(t *testing.T) { runStatuses(t, maker) })
	t.Run("Secrets", func(t *testing.T) { runSecrets(t, maker) })
	t.Run("Bounds", func(t *testing.T) { runBounds(t, maker) })
}

var sentinels = []error{
	keyrotation.ErrRefused, keyrotation.ErrUnauthorized, keyrotation.ErrThrottled,
	keyrotation.ErrNotFound, keyrotation.ErrUnavailable, keyrotation.ErrConflict,
}

// kinds names the sentinels in an error.
func kinds(err error) string {
	var names []string
	for _, s := range sentinels {
		if errors.Is(err, s) {
			names = append(names, s.Error())
		}
	}
	return strings.Join(names, " + ")
}

// ops are all operations; the one after which no other works is the last.
var ops = []Op{OpRegister, OpList, OpGet, OpDelete}

// call makes the call of an operation; keyID is a key that is there.
func (b *bench) call(ctx context.Context, op Op, keyID string) (err error) {
	switch op {
	case OpRegister:
		_, err = b.client.Register(ctx, "a name", PublicKey(9))
	case OpList:
		_, err = b.client.List(ctx)
	case OpGet:
		_, err = b.client.Get(ctx, keyID)
	case OpDelete:
		err = b.client.Delete(ctx, keyID)
	}
	return err
}

func runKeys(t *testing.T, maker Maker) {
	try(t, "ALifeWithoutTrouble", maker, Options{}, testLife)
	try(t, "NamesAndKeysThatNobodyTakesAreNotSent", maker, Options{}, testBadInput)
	try(t, "OddIDsAreNeverSent", maker, Options{}, func(t *testing.T, b *bench) {
		for _, id := range []string{"", ".", "..", "a/b", "a?b", "a b", "a%2fb", "ä", strings.Repeat("a", 500)} {
			_, err := b.client.Get(t.Context(), id)
			if err == nil || b.client.Delete(t.Context(), id) == nil || len(b.Calls()) > 0 {
				t.Errorf("id %q: %v, %d calls", id, err, len(b.Calls()))
			}
		}
	})
	for name, fault := range lossy() {
		try(t, "OnePost/"+name, maker, Options{}, func(t *testing.T, b *bench) { testOnePost(t, b, fault) })
	}
	try(t, "AnAnswerAboutAnotherKeyIsNoAnswer", maker, Options{}, func(t *testing.T, b *bench) {
		id := b.Add("there", PublicKey(1))
		for _, op := range []Op{OpRegister, OpGet} {
			b.Script(Fault{Answer: Mistaken})
			if err := b.call(t.Context(), op, id); err == nil || kinds(err) != "" {
				t.Errorf("%s: %v", op, err)
			}
		}
	})
}

// lossy are the ways in which a write can be carried out, or not, without its
// caller learning which.
func lossy() map[string]Fault {
	faults := map[string]Fault{"conflict": {Answer: Says, Status: http.StatusConflict}}
	for _, status := range []int{301, 302, 303, 408, 500, 502, 503, 504} {
		faults[fmt.Sprint(status)] = Fault{Answer: Says, Status: status, RetryAfter: "5"}
	}
	for name, answer := range unclear {
		faults[name] = Fault{Answer: answer}
		faults[name+" and not done"] = Fault{Answer: answer, Effect: Never}
		faults[name+" and done late"] = Fault{Answer: answer, Effect: Later, Delay: time.Minute}
	}
	return faults
}

func testLife(t *testing.T, b *bench) {
	public := PublicKey(1)
	name := strings.Repeat("ä", 50)
	id, err := b.client.Register(t.Context(), name, public)
	if err != nil || !b.Holds(id, keyrotation.Fingerprint(public)) {
		t.Fatalf("registered %q, %v; the platform has %v", id, err, b.Keys())
	}
	got, err := b.client.Get(t.Context(), id)
	if err != nil || got != b.Keys()[0] || got.Name != name || got.CreatedAt.IsZero() {
		t.Errorf("get: %+v, %v; want %+v", got, err, b.Keys()[0])
	}
	if list, err := b.client.List(t.Context()); err != nil || !slices.Equal(list, b.Keys()) {
		t.Errorf("list: %+v, %v", list, err)
	}
	for range 2 { // the second time there is nothing to delete, which is a success too
		if err := b.client.Delete(t.Context(), id); err != nil || len(b.Keys()) != 0 {
			t.Errorf("delete: %v; the platform has %v", err, b.Keys())
		}
	}
	if _, err := b.client.Get(t.Context(), id); kinds(err) != keyrotation.ErrNotFound.Error() {
		t.Errorf("get after delete: %v", err)
	}
	if list, err := b.client.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("list after delete: %v, %v", list, err)
	}
}

func testBadInput(t *testing.T, b *bench) {
	for _, c := range []struct{ name, public string }{
		{"", PublicKey(1)},
		{strings.Repeat("n", 51), PublicKey(1)},
		{"two\nlines", PublicKey(1)},
		{"name", ""},
		{"name", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
		{"name", strings.ReplaceAll(PublicKey(1), "PUBLIC", "PRIVATE")},
	} {
		_, err := b.client.Register(t.Context(), c.name, c.public)
		if kinds(err) != keyrotation.ErrRefused.Error() || len(b.Calls()) != 0 {
			t.Errorf("name %q, key %.40q: %v, %d calls", c.name, c.public, err, len(b.Calls()))
		}
	}
}

// testOnePost also makes sure that the error claims to know nothing.
func testOnePost(t *testing.T, b *bench, fault Fault) {
	b.Script(fault)
	_, err := b.client.Register(t.Context(), "a name", PublicKey(1))
	if err == nil || kinds(err) != "" {
		t.Errorf("%v, which says %q", err, kinds(err))
	}
	b.Land()
	want := 1
	if fault.Effect == Never {
		want = 0
	}
	if b.Count(OpRegister) != 1 || len(b.Keys()) != want {
		t.Errorf("%d requests, %d keys; want 1 and %d", b.Count(OpRegister), len(b.Keys()), want)
	}
}

func runBounds(t *testing.T, maker Maker) {
	for name, answer := range unclear {
		try(t, "NothingIsBelieved/"+name, maker, Options{}, func(t *testing.T, b *bench) { testUnclear(t, b, answer) })
	}
	for _, op := range ops {
		for name, answer := range map[string]Answer{"silent": Silent, "slow": Slow} {
			try(t, fmt.Sprintf("CancellingIsPrompt/%s/%s", op, name), maker, Options{}, func(t *testing.T, b *bench) {
				testCancel(t, b, op, answer)
			})
		}
	}
}

func testUnclear(t *testing.T, b *bench, answer Answer) {
	id := b.Add("there", PublicKey(1))
	for _, op := range ops {
		b.Script(Fault{Answer: answer, Effect: Never})
		start, sent := time.Now(), b.Sent()
		if err := b.call(t.Context(), op, id); err == nil || kinds(err) != "" {
			t.Errorf("%s: %v, which says %q", op, err, kinds(err))
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: gave up only after %s", op, took)
		}
		synctest.Wait() // the platform has noticed that nobody listens
		if n := b.Sent() - sent; n > 2<<20 {
			t.Errorf("%s: took %d bytes of an answer", op, n)
		}
		if err := b.call(t.Context(), op, id); err != nil {
			t.Errorf("%s, without the fault: %v", op, err)
		}
	}
	if b.strays.Load() != 0 {
		t.Error("it talked to another host")
	}
}

func testCancel(t *testing.T, b *bench, op Op, answer Answer) {
	id := b.Add("there", PublicKey(1))
	ctx, cancel := context.WithCancel(t.Context())
	b.Script(Fault{Answer: answer})
	done := make(chan error, 1)
	go func() { done <- b.call(ctx, op, id) }()
	synctest.Wait()
	if b.Count(op) != 1 {
		t.Fatalf("%d calls under way", b.Count(op))
	}
	start := time.Now()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || kinds(err) != "" {
		t.Errorf("%v, which says %q", err, kinds(err))
	}
	if took := time.Since(start); took != 0 {
		t.Errorf("it took %s to notice", took)
	}
}

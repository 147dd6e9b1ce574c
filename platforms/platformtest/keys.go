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
	"playtoken/store"

	"playtoken/platforms/standin"
)

// keyAPI is what a Registrar and an Issuer have in common.
type keyAPI interface {
	List(ctx context.Context) ([]keyrotation.PlatformKey, error)
	Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error)
	Delete(ctx context.Context, keyID string) error
}

func (b *bench) client() keyAPI {
	if b.platform.Issuer != nil {
		return b.platform.Issuer
	}
	return b.platform.Registrar
}

// create has a key registered, or issued.
func (b *bench) create(ctx context.Context, name, public string) (id string, err error) {
	if b.platform.Issuer == nil {
		return b.platform.Registrar.Register(ctx, name, public)
	}
	key, err := b.platform.Issuer.Issue(ctx, name)
	if err == nil && b.Issued()[string(key.Value)].ID != key.ID {
		return "", errors.New("the value does not belong to the id")
	}
	return key.ID, err
}

// add adds a key behind the client's back.
func (b *bench) add(name string, seed uint64) (id string) {
	if b.platform.Issuer != nil {
		return b.AddIssued(name).ID
	}
	return b.Add(name, standin.PublicKey(seed))
}

// creating is how this platform's keys come about.
func (b *bench) creating() standin.Op {
	if b.platform.Issuer != nil {
		return standin.OpIssue
	}
	return standin.OpRegister
}

// ops are all operations; the one after which no other works is the last.
func (b *bench) ops() []standin.Op {
	return []standin.Op{b.creating(), standin.OpList, standin.OpGet, standin.OpDelete}
}

// call makes the call of an operation; keyID is a key that is there.
func (b *bench) call(ctx context.Context, op standin.Op, keyID string) (err error) {
	switch op {
	case standin.OpRegister, standin.OpIssue:
		_, err = b.create(ctx, "a name", standin.PublicKey(9))
	case standin.OpList:
		_, err = b.client().List(ctx)
	case standin.OpGet:
		_, err = b.client().Get(ctx, keyID)
	case standin.OpDelete:
		err = b.client().Delete(ctx, keyID)
	}
	return err
}

func (s Suite) keys(t *testing.T) {
	s.try(t, "ALifeWithoutTrouble", options{}, testLife)
	s.try(t, "InvalidNamesAndKeysAreNotSent", options{}, testBadInput)
	s.try(t, "OddIDsAreNeverSent", options{}, func(t *testing.T, b *bench) {
		for _, id := range []string{"", ".", "..", "a/b", "a?b", "a b", "a%2fb", "ä", strings.Repeat("a", 500)} {
			_, err := b.client().Get(t.Context(), id)
			if err == nil || b.client().Delete(t.Context(), id) == nil || len(b.Calls()) > 0 {
				t.Errorf("id %q: %v, %d calls", id, err, len(b.Calls()))
			}
		}
	})
	for name, fault := range lossy() {
		s.try(t, "OnePost/"+name, options{}, func(t *testing.T, b *bench) { testOnePost(t, b, fault) })
	}
	s.try(t, "AnAnswerAboutAnotherKeyIsNoAnswer", options{}, func(t *testing.T, b *bench) {
		id := b.add("there", 1)
		for _, op := range []standin.Op{b.creating(), standin.OpGet} {
			if op == standin.OpIssue {
				continue // nothing in the answer could be compared
			}
			b.ScriptOp(op, standin.Fault{Response: standin.WrongKey})
			if err := b.call(t.Context(), op, id); err == nil || kinds(err) != "" {
				t.Errorf("%s with a response about another key = %v, want an unclear error", op, err)
			}
		}
	})
}

// lossy are the ways in which a write can be carried out, or not, without its
// caller learning which.
func lossy() map[string]standin.Fault {
	faults := map[string]standin.Fault{"conflict": {Response: standin.ErrorStatus, Status: http.StatusConflict}}
	for _, status := range []int{301, 302, 303, 408, 500, 502, 503, 504} {
		faults[fmt.Sprint(status)] = standin.Fault{Response: standin.ErrorStatus, Status: status, RetryAfter: "5"}
	}
	for name, answer := range standin.Unclear() {
		faults[name] = standin.Fault{Response: answer}
		faults[name+" and not done"] = standin.Fault{Response: answer, Effect: standin.Never}
		faults[name+" and done late"] = standin.Fault{Response: answer, Effect: standin.Later, Delay: time.Minute}
	}
	return faults
}

func testLife(t *testing.T, b *bench) {
	public := standin.PublicKey(1)
	name := strings.Repeat("ä", 50)
	id, err := b.create(t.Context(), name, public)
	if err != nil || len(b.Current()) != 1 || b.Current()[0].ID != id || b.creating() == standin.OpRegister && !b.Holds(id, keyrotation.Fingerprint(public)) {
		t.Fatalf("%s: %q, %v; the platform has %v", b.creating(), id, err, b.Current())
	}
	b.rest()
	got, err := b.client().Get(t.Context(), id)
	if err != nil || got != b.Current()[0] || got.Name != name || got.CreatedAt.IsZero() {
		t.Errorf("get: %+v, %v; want %+v", got, err, b.Current()[0])
	}
	if list, err := b.client().List(t.Context()); err != nil || !slices.Equal(list, b.Current()) {
		t.Errorf("list: %+v, %v", list, err)
	}
	for range 2 { // the second time there is nothing to delete, which is a success too
		if err := b.delete(t.Context(), id); err != nil || len(b.Current()) != 0 {
			t.Errorf("delete: %v; the platform has %v", err, b.Current())
		}
	}
	if _, err := b.client().Get(t.Context(), id); kinds(err) != store.ErrNotFound.Error() {
		t.Errorf("get after delete: %v", err)
	}
	if list, err := b.client().List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("list after delete: %v, %v", list, err)
	}
}

// rest lets time pass until what was changed is deployed, on a platform where that
// takes a while.
func (b *bench) rest() { time.Sleep(time.Hour) }

// delete removes a key. Where it has to leave a list first, a second call does that.
func (b *bench) delete(ctx context.Context, id string) error {
	for range 2 {
		if err := b.client().Delete(ctx, id); err != nil || len(b.Current()) == 0 {
			return err
		}
		b.rest()
	}
	return nil
}

// plain are keys without what a list of them says, which has none that were added
// behind the client's back.
func plain(keys []keyrotation.PlatformKey) []keyrotation.PlatformKey {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].Unlisted, keys[i].Deploying = false, false
	}
	return keys
}

func testBadInput(t *testing.T, b *bench) {
	public := standin.PublicKey(1)
	cases := []struct{ name, public string }{{"", public}, {"two\nlines", public}}
	if b.creating() == standin.OpRegister {
		cases = append(cases, []struct{ name, public string }{
			{strings.Repeat("n", 51), public},
			{"name", ""},
			{"name", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
			{"name", strings.ReplaceAll(public, "PUBLIC", "PRIVATE")},
		}...)
	}
	for _, c := range cases {
		_, err := b.create(t.Context(), c.name, c.public)
		if kinds(err) != keyrotation.ErrRefused.Error() || len(b.Calls()) != 0 {
			t.Errorf("name %q, key %.40q: %v, %d calls", c.name, c.public, err, len(b.Calls()))
		}
	}
}

// testOnePost also makes sure that the error claims to know nothing.
func testOnePost(t *testing.T, b *bench, fault standin.Fault) {
	b.ScriptOp(b.creating(), fault)
	_, err := b.create(t.Context(), "a name", standin.PublicKey(1))
	if err == nil || kinds(err) != "" {
		t.Errorf("%v, which says %q", err, kinds(err))
	}
	b.Land()
	want := 1
	if fault.Effect == standin.Never {
		want = 0
	}
	if b.Count(b.creating()) != 1 || len(b.Current()) != want {
		t.Errorf("%d requests, %d keys; want 1 and %d", b.Count(b.creating()), len(b.Current()), want)
	}
}

func (s Suite) bounds(t *testing.T) {
	for name, answer := range standin.Unclear() {
		s.try(t, "NothingIsBelieved/"+name, options{}, func(t *testing.T, b *bench) { testUnclear(t, b, answer) })
	}
	for op := range 4 {
		for name, answer := range map[string]standin.Response{"silent": standin.Silent, "slow": standin.Slow} {
			s.try(t, fmt.Sprintf("CancellingIsPrompt/%d/%s", op, name), options{}, func(t *testing.T, b *bench) {
				testCancel(t, b, b.ops()[op], answer)
			})
		}
	}
}

func testUnclear(t *testing.T, b *bench, answer standin.Response) {
	id := b.add("there", 1)
	for _, op := range b.ops() {
		if op == standin.OpDelete && b.suite.BareDelete && standin.BodyOnly(answer) {
			continue
		}
		b.rest()
		b.ScriptOp(op, standin.Fault{Response: answer, Effect: standin.Never})
		start, sent := time.Now(), b.sent.Load()
		if err := b.call(t.Context(), op, id); err == nil || kinds(err) != "" {
			t.Errorf("%s: %v, which says %q", op, err, kinds(err))
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: gave up only after %s", op, took)
		}
		synctest.Wait() // the platform has noticed that the client is gone
		if n := b.sent.Load() - sent; n > 2<<20 {
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

func testCancel(t *testing.T, b *bench, op standin.Op, answer standin.Response) {
	id := b.add("there", 1)
	ctx, cancel := context.WithCancel(t.Context())
	b.ScriptOp(op, standin.Fault{Response: answer})
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

package cloudfront

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/cloudfront/cloudfronttest"
	"playtoken/platforms/standin"
)

// direct serves requests without a network.
type direct struct {
	handler http.Handler
	before  func(*http.Request) // a request is handled; may be nil
}

func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if d.before != nil {
		d.before(r)
	}
	defer func() {
		if recover() != nil { // the stand-in closed the connection
			resp, err = nil, errors.New("connection reset")
		}
	}()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.Host = r.URL.Host
	recorded := httptest.NewRecorder()
	d.handler.ServeHTTP(recorded, r)
	return recorded.Result(), nil
}

// world is a stand-in, whose key group has one key that is not ours, and the registrar.
type world struct {
	*cloudfronttest.Account
	keys  *standin.Keys
	floor string
	platforms.Platform
}

const deploys = 5 * time.Minute

func newWorld(t *testing.T, before func(*http.Request)) *world {
	t.Helper()
	keys := standin.New(standin.Options{})
	w := &world{keys: keys, Account: cloudfronttest.New(standin.World{Keys: keys, Credential: accessKey()}, deploys)}
	w.floor = keys.Add("floor", standin.PublicKey(0))
	w.Put(w.floor)
	time.Sleep(deploys)
	opened, err := Kind().Open(platforms.Account{
		Settings:   map[string]string{"hls_url": manifest, "key_group": cloudfronttest.GroupID, "distributions": cloudfronttest.DistributionID},
		Credential: accessKey(), Transport: direct{handler: w.Account, before: before},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Platform = opened
	return w
}

// inGroup has a world in a bubble.
func inGroup(t *testing.T, before func(*world, *http.Request), test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var w *world
		w = newWorld(t, func(r *http.Request) {
			if before != nil {
				before(w, r)
			}
		})
		test(t, w)
	})
}

func TestAKeyLeavesTheGroupAndIsDeletedWhenThatIsDeployed(t *testing.T) {
	t.Parallel()
	inGroup(t, nil, func(t *testing.T, w *world) {
		id, err := w.Registrar.Register(t.Context(), "playtoken #1 k", standin.PublicKey(1))
		ids, _ := w.Group()
		if err != nil || !slices.Equal(ids, []string{w.floor, id}) {
			t.Fatalf("register: got %q, %v and the group %v, want it after %s", id, err, ids, w.floor)
		}
		if key, err := w.Registrar.Get(t.Context(), id); err != nil || !key.Deploying || key.Name != "playtoken #1 k" {
			t.Errorf("get: got %+v, %v, want a key that is being deployed, by its name", key, err)
		}
		time.Sleep(deploys)
		if key, err := w.Registrar.Get(t.Context(), id); err != nil || key.Deploying || key.Unlisted {
			t.Errorf("get, later: got %+v, %v, want a key that is deployed", key, err)
		}
		for range 3 { // it stays until the edge has the group without it
			if err := w.Registrar.Delete(t.Context(), id); err != nil || len(w.keys.Current()) != 2 {
				t.Fatalf("delete: got %v and %d keys, want the key out of the group and still there", err, len(w.keys.Current()))
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(deploys)
		if err := w.Registrar.Delete(t.Context(), id); err != nil || len(w.keys.Current()) != 1 {
			t.Errorf("delete, later: got %v and %d keys, want one", err, len(w.keys.Current()))
		}
	})
}

// TestChangesOfOthersAreHealed: 412, because another program changed the group between
// our look and our write, or in the moment before it.
func TestChangesOfOthersAreHealed(t *testing.T) {
	t.Parallel()
	changes := 0
	meddle := func(w *world, r *http.Request) {
		if r.Method == http.MethodPut && changes < 2 {
			changes++
			ids, _ := w.Group()
			w.Put(append(ids, w.keys.Add(fmt.Sprint("theirs-", changes), standin.PublicKey(uint64(50+changes))))...)
		}
	}
	inGroup(t, meddle, func(t *testing.T, w *world) {
		id, err := w.Registrar.Register(t.Context(), "n", standin.PublicKey(1))
		ids, _ := w.Group()
		if err != nil || len(ids) != 4 || ids[3] != id || changes != 2 || w.keys.Count(standin.OpRegister) != 1 {
			t.Errorf("got %q, %v and the group %v after %d changes of others, want theirs and ours", id, err, ids, changes)
		}
	})
}

// TestLostAnswersAreFoundAgain: whichever write was carried out, or was not, or is late.
func TestLostAnswersAreFoundAgain(t *testing.T) {
	t.Parallel()
	for _, op := range []standin.Op{standin.OpRegister, standin.OpReplace} {
		for name, fault := range map[string]standin.Fault{
			"done":     {Response: standin.Lost},
			"not done": {Response: standin.Lost, Effect: standin.Never},
			"late":     {Response: standin.Lost, Effect: standin.Later, Delay: time.Minute},
			"conflict": {Response: standin.ErrorStatus, Status: http.StatusConflict},
			"refused":  {Response: standin.ErrorStatus, Status: http.StatusServiceUnavailable, Effect: standin.Never},
		} {
			inGroup(t, nil, func(t *testing.T, w *world) {
				w.keys.ScriptOp(op, fault)
				id, err := w.Registrar.Register(t.Context(), "n", standin.PublicKey(1))
				if healed := op == standin.OpReplace && name == "conflict"; (err == nil) != healed {
					t.Errorf("%s, %s: got %q, %v, want an error: %v", op, name, id, err, !healed)
				}
				for _, sentinel := range []error{keyrotation.ErrRefused, keyrotation.ErrThrottled, keyrotation.ErrUnauthorized} {
					if errors.Is(err, sentinel) {
						t.Errorf("%s, %s: got %v, want that nothing is said about what was done", op, name, err)
					}
				}
				time.Sleep(2 * time.Minute)
				id, err = w.Registrar.Register(t.Context(), "n", standin.PublicKey(1))
				ids, _ := w.Group()
				if err != nil || len(w.keys.Current()) != 2 || !slices.Equal(ids, []string{w.floor, id}) {
					t.Errorf("%s, %s, again: got %q, %v, %d keys and the group %v, want one object, in the group", op, name, id, err, len(w.keys.Current()), ids)
				}
			})
		}
	}
}

// TestWhatAWSSaysIsUnderstood: the code says more than the status.
func TestWhatAWSSaysIsUnderstood(t *testing.T) {
	t.Parallel()
	for body, c := range map[string]struct {
		status int
		want   error
	}{
		"Throttling":                  {400, keyrotation.ErrThrottled},
		"ThrottlingException":         {503, keyrotation.ErrThrottled},
		"ExpiredToken":                {400, keyrotation.ErrUnauthorized},
		"AccessDenied":                {403, keyrotation.ErrUnauthorized},
		"UnrecognizedClientException": {400, keyrotation.ErrUnauthorized},
		"InvalidArgument":             {400, keyrotation.ErrRefused},
	} {
		answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprintf(w, `<?xml version="1.0"?><ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>Rate exceeded, says %s</Message></Error></ErrorResponse>`, body, r.Header.Get("Authorization"))
		})
		opened, err := Kind().Open(platforms.Account{
			Settings:   map[string]string{"hls_url": manifest, "key_group": "g", "distributions": "d"},
			Credential: accessKey(), Transport: direct{handler: answer},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = opened.Registrar.List(t.Context())
		for _, sentinel := range []error{keyrotation.ErrRefused, keyrotation.ErrThrottled, keyrotation.ErrUnauthorized} {
			if errors.Is(err, sentinel) != (sentinel == c.want) {
				t.Errorf("%s with status %d: got %v, want %v alone", body, c.status, err, c.want)
			}
		}
		if err == nil || !strings.Contains(err.Error(), body) || strings.Contains(err.Error(), "AKIA") {
			t.Errorf("%s: got %v, want the code in it, and nothing of the credential", body, err)
		}
	}
}

// TestLimitsOfAWS: the error names the limit, and nothing is left half done for ever.
func TestLimitsOfAWS(t *testing.T) {
	t.Parallel()
	inGroup(t, nil, func(t *testing.T, w *world) {
		w.MaxKeys = 1
		if _, err := w.Registrar.Register(t.Context(), "n", standin.PublicKey(1)); !errors.Is(err, keyrotation.ErrRefused) || !strings.Contains(err.Error(), "TooManyPublicKeys") {
			t.Errorf("a full account: got %v, want %v and the code", err, keyrotation.ErrRefused)
		}
		w.MaxKeys, w.MaxGroupKeys = 3, 1
		if _, err := w.Registrar.Register(t.Context(), "n", standin.PublicKey(1)); err == nil || errors.Is(err, keyrotation.ErrRefused) || !strings.Contains(err.Error(), "TooManyPublicKeysInKeyGroup") {
			t.Errorf("a full key group: got %v, want the code, and not that nothing was done", err)
		}
		if list, err := w.Registrar.List(t.Context()); err != nil || len(list) != 2 || !list[1].Unlisted {
			t.Errorf("then: got %+v, %v, want the key as one that is not in the group", list, err)
		}
	})
}

func TestADistributionThatDoesNotTrustTheGroupIsNamed(t *testing.T) {
	t.Parallel()
	keys := standin.New(standin.Options{})
	account := cloudfronttest.New(standin.World{Keys: keys, Credential: accessKey()}, 0)
	account.Put(keys.Add("floor", standin.PublicKey(0)))
	for name, c := range map[string]struct{ group, distribution, want string }{
		"good":                    {cloudfronttest.GroupID, cloudfronttest.DistributionID, ""},
		"an unknown group":        {"0", cloudfronttest.DistributionID, "NoSuchResource"},
		"an unknown distribution": {cloudfronttest.GroupID, "E0", "NoSuchDistribution"},
	} {
		opened, err := Kind().Open(platforms.Account{
			Settings:   map[string]string{"hls_url": manifest, "key_group": c.group, "distributions": c.distribution},
			Credential: accessKey(), Transport: direct{handler: account},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = opened.Check(context.Background())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

package service

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/filekeys"
	"playtoken/platforms"
	"playtoken/platforms/standin"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
	"playtoken/store/storetest"
)

// shared is a store of many replicas, which counts their calls.
type shared struct {
	Store
	documents *storetest.Memory
	calls     *calls
}

// calls of all replicas at their store.
type calls struct {
	rings, projects, others, writes, refused atomic.Int64
}

func (s shared) Read(ctx context.Context, name string) (store.Document, error) {
	switch kind, _, _ := strings.Cut(name, "/"); kind {
	case "ring":
		s.calls.rings.Add(1)
	case "project":
		s.calls.projects.Add(1)
	default: // mostly the list of projects, which is in parts
		s.calls.others.Add(1)
	}
	return s.documents.Read(ctx, name)
}

func (s shared) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	version, err := s.documents.Write(ctx, name, data, version)
	s.calls.writes.Add(1)
	if err != nil {
		s.calls.refused.Add(1)
	}
	return version, err
}

func (s shared) Delete(ctx context.Context, name string) error { return s.documents.Delete(ctx, name) }

// fleet is a deployment of many replicas with one store and one account.
type fleet struct {
	t        *testing.T
	began    time.Time
	replicas []*Service
	projects []string
	calls    *calls
	account  *standin.Keys

	mu                 sync.Mutex
	until              map[string]time.Time // when the last token of a key expires, by key id
	tokens, registered int
	early              []string // keys that were deleted before that
}

// watchedAccount notes keys that are deleted while a token of theirs is alive.
type watchedAccount struct {
	*standin.Keys
	fleet *fleet
}

// Register takes keys of every kind, as a gate does.
func (w watchedAccount) Register(_ context.Context, name, publicKey string) (string, error) {
	w.fleet.mu.Lock()
	w.fleet.registered++
	w.fleet.mu.Unlock()
	return w.Keys.Add(name, publicKey), nil
}

func (w watchedAccount) Delete(ctx context.Context, id string) error {
	w.fleet.mu.Lock()
	if time.Now().Before(w.fleet.until[id]) {
		w.fleet.early = append(w.fleet.early, id)
	}
	w.fleet.mu.Unlock()
	return w.Keys.Delete(ctx, id)
}

const (
	fleetProjects = 4
	fleetTokens   = 30 * time.Second // between two of one project at one replica
	fleetLife     = 40 * time.Minute
	fleetRotates  = 10 * time.Minute
	// fleetKeys is how many keys of a project are at the account at most: the active
	// one, its standby, and those that retire for the hour that replicas may be cut
	// off from the store.
	fleetKeys = 9
)

func newFleet(t *testing.T, many int) *fleet {
	t.Helper()
	f := &fleet{t: t, calls: &calls{}, account: standin.New(standin.Options{Seed: 1}), until: map[string]time.Time{}}
	path := filepath.Join(t.TempDir(), "play.db")
	if _, err := filekeys.Open(path, secret.New(password), filekeys.Options{Create: true, WorkFactor: 2}); err != nil {
		t.Fatal(err)
	}
	environ := []string{
		"PLAYTOKEN_STORE=file:" + path, "PLAYTOKEN_STORE_PASSWORD=" + password, "PLAYTOKEN_ADMIN_KEY=" + adminKey, "PLAYTOKEN_SIGNING=memory",
		"PLAYTOKEN_ROTATE_EVERY=" + fleetRotates.String(), "PLAYTOKEN_PROPAGATION_DELAY=1m", "PLAYTOKEN_TOKEN_TTL=2m", "PLAYTOKEN_TOKEN_MAX_TTL=2m", "PLAYTOKEN_KEY_BUDGET=40",
	}
	documents := storetest.NewMemory()
	for range many {
		s := open(t, environ, Options{HoldKeys: true, Wrap: func(next Store) Store { return shared{Store: next, documents: documents, calls: f.calls} }})
		kind := s.Kinds["gate"]
		opens := kind.Open
		kind.Open = func(a platforms.Account) (platforms.Platform, error) {
			opened, err := opens(a)
			opened.Registrar, opened.Sessions, opened.Mistaken = watchedAccount{f.account, f}, nil, nil
			return opened, err
		}
		s.Kinds["gate"] = kind
		f.replicas = append(f.replicas, s)
	}
	for i := range fleetProjects {
		made, err := f.replicas[0].Projects.CreateProject(t.Context(), projects.Project{
			Name: fmt.Sprintf("project %d", i), Platform: "gate", Settings: map[string]string{"url": "http://127.0.0.1"},
			Credential: map[string]secret.Value{"api_key": secret.New(gateKey)}, RotationPolicy: projects.RotationPolicy{KeyKind: store.ECDSAP256},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.projects = append(f.projects, made.ID)
	}
	return f
}

// play has viewers at every replica until a context ends.
func (f *fleet) play(ctx context.Context) {
	var all sync.WaitGroup
	for i, s := range f.replicas {
		all.Go(func() {
			pause(ctx, time.Duration(i)*fleetTokens/time.Duration(len(f.replicas)))
			served := map[string]bool{}
			for ctx.Err() == nil {
				for _, id := range f.projects {
					f.mint(ctx, s, id, served)
				}
				pause(ctx, fleetTokens)
			}
		})
	}
	all.Wait()
}

// mint makes a token. Until a project's first key has propagated, no token is made.
func (f *fleet) mint(ctx context.Context, s *Service, id string, served map[string]bool) {
	token, err := func() (signer.Token, error) {
		minter, err := s.tenants.Minter(ctx, id)
		if err != nil {
			return signer.Token{}, err
		}
		return minter.Mint(ctx, signer.Request{VideoID: "film"})
	}()
	if ctx.Err() != nil {
		return
	}
	if _, early := errors.AsType[*signer.NoActiveKey](err); err != nil && (served[id] || !early) {
		f.t.Errorf("a token of %s after %s: got %v, want one", id, time.Since(f.began), err)
	}
	if err != nil {
		return
	}
	served[id] = true
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens++
	if f.until[token.KeyID].Before(token.ExpiresAt) {
		f.until[token.KeyID] = token.ExpiresAt
	}
}

// load is what a fleet did in its life.
type fleetLoad struct {
	replicas, tokens, registered, lists      int
	rings, projects, others, writes, refused int64
}

// perReplica is how often a replica read or wrote in a minute.
func (l fleetLoad) perReplica(n int64) float64 {
	return float64(n) / float64(l.replicas) / fleetLife.Minutes()
}

func (l fleetLoad) String() string {
	return fmt.Sprintf("replicas %d, tokens %d; of all: keys registered %d, lists of keys %d, writes %d, refused %d; a minute and replica: reads of rings %.1f, of projects %.1f, others %.1f",
		l.replicas, l.tokens, l.registered, l.lists, l.writes, l.refused, l.perReplica(l.rings), l.perReplica(l.projects), l.perReplica(l.others))
}

// live lets a fleet live, with viewers or without.
func live(t *testing.T, many int, watched bool) (l fleetLoad) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, many)
		f.began = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), fleetLife)
		defer cancel()
		for _, s := range f.replicas {
			defer s.Schedule(ctx)()
		}
		if watched {
			f.play(ctx)
		}
		<-ctx.Done()
		f.judge()
		l = fleetLoad{
			replicas: many, tokens: f.tokens, registered: f.registered, lists: f.account.Count(standin.OpList),
			rings: f.calls.rings.Load(), projects: f.calls.projects.Load(), others: f.calls.others.Load(), writes: f.calls.writes.Load(), refused: f.calls.refused.Load(),
		}
	})
	t.Log(l)
	return l
}

// judge looks at what is left of the account's keys.
func (f *fleet) judge() {
	f.t.Helper()
	if len(f.early) > 0 {
		f.t.Errorf("%d keys were deleted while a token of theirs was alive, want none: %v", len(f.early), f.early)
	}
	if held, most := len(f.account.Current()), fleetKeys*fleetProjects; held > most {
		f.t.Errorf("at the end the account holds %d keys, want at most %d", held, most)
	}
}

// TestManyReplicasRotateAsOne: fifty replicas on one store register no key twice and
// ask the platform hardly more often than one does, no token outlives its key, and
// what each replica asks of the store does not grow with their number.
func TestManyReplicasRotateAsOne(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates hours of fifty replicas")
	}
	one, fifty, idle := live(t, 1, true), live(t, 50, true), live(t, 50, false)
	if most := fleetProjects * int(fleetLife/fleetRotates+2); fifty.registered > most {
		t.Errorf("fifty replicas: got %d keys registered, want at most %d", fifty.registered, most)
	}
	if fifty.lists > one.lists+one.lists/5 {
		t.Errorf("fifty replicas: got %d lists of the platform's keys, want hardly more than one replica asks for, %d", fifty.lists, one.lists)
	}
	// The bounds that docs/scale.md gives, with what moves of keys cost.
	for name, got := range map[string]struct{ reads, most float64 }{
		"rings of watched projects":     {fifty.perReplica(fifty.rings), fleetProjects*8 + 40},
		"watched projects":              {fifty.perReplica(fifty.projects), fleetProjects * 8},
		"rings of unwatched projects":   {idle.perReplica(idle.rings), 30},
		"unwatched projects":            {idle.perReplica(idle.projects), fleetProjects * 2},
		"the list of projects":          {idle.perReplica(idle.others), 80},
		"the list, of watched projects": {fifty.perReplica(fifty.others), 80},
	} {
		if got.reads > got.most {
			t.Errorf("a replica of fifty: got %.1f reads a minute of %s, want at most %.1f", got.reads, name, got.most)
		}
	}
}

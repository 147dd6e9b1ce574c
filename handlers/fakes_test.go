package handlers_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var pair = sync.OnceValue(func() *rsa.PrivateKey {
	made, _ := rsa.GenerateKey(rand.Reader, 2048)
	return made
})

// The callers: the environment's two, and one stored key with "keys".
var (
	adminKey = strings.Repeat("admin-", 6)
	apiKey   = strings.Repeat("front-", 6)
	keysKey  = strings.Repeat("keys--", 6)
	readKey  = strings.Repeat("read--", 6)
)

type callers struct{ projects.EnvironmentKeys }

func (c callers) Identify(ctx context.Context, credential secret.Value) (projects.Caller, error) {
	switch {
	case credential.Equal(keysKey):
		return projects.Caller{ID: "api_key_keys", ProjectID: "default", Scopes: []projects.Scope{"keys"}}, nil
	case credential.Equal(readKey):
		return projects.Caller{ID: "api_key_read", ProjectID: "default", Scopes: []projects.Scope{"read"}}, nil
	}
	return c.EnvironmentKeys.Identify(ctx, credential)
}

// fakeStore holds one ring and signs with one key.
type fakeStore struct {
	mu   sync.Mutex
	ring keyrotation.Ring
	err  error
}

func (s *fakeStore) set(change func(*fakeStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *fakeStore) Read(context.Context, string) (store.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := s.ring.Encode()
	if s.err != nil {
		err = s.err
	}
	return store.Document{Data: data, Version: 1}, err
}

func (s *fakeStore) Sign(_ context.Context, name string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return signer.Signature{}, err
	}
	value, err := scheme.Sign(pair(), input)
	return signer.Signature{Value: value}, err
}

// shape is a platform that cannot bind a token to an address, and to a viewer
// not for every video.
type shape struct{}

func bindsViewers(videoID string) bool { return !strings.HasPrefix(videoID, "vidfree") }

func (shape) Claims(req signer.Request, issued, expires time.Time) (map[string]any, error) {
	switch {
	case req.Viewer.IP != "":
		return nil, fmt.Errorf("%w: viewer.ip", signer.ErrNotEnforceable)
	case len(req.Kinds) > 0:
		return nil, fmt.Errorf("%w: one token opens everything", signer.ErrNotEnforceable)
	case strings.HasPrefix(req.VideoID, "videver"):
		return nil, fmt.Errorf("%w: tokens of this one are all alike", signer.ErrNotEnforceable)
	case !strings.HasPrefix(req.VideoID, "vid"):
		return nil, fmt.Errorf("%w: %q", signer.ErrVideo, req.VideoID)
	}
	claims := map[string]any{"sub": req.VideoID, "exp": expires.Unix(), "iat": issued.Unix()}
	if req.DRMPolicy != "" {
		claims["drm"] = req.DRMPolicy
	}
	if id := req.Viewer.ID; id != "" && !bindsViewers(req.VideoID) {
		return nil, fmt.Errorf("%w: viewer.id", signer.ErrNotEnforceable)
	} else if id != "" {
		claims["viewer"] = id
	}
	for name, value := range req.Claims {
		claims[name] = value
	}
	return claims, nil
}

func (shape) URLs(videoID, token string) signer.URLs {
	return signer.URLs{HLS: "https://media.example/" + videoID + "?jwt=" + token}
}

func (shape) Delivery() signer.Delivery {
	return signer.Delivery{Place: signer.InQuery, Name: "jwt", Renew: signer.RenewByRequest}
}

// rotation returns what a test sets, and remembers what it was asked for.
type rotation struct {
	store  *fakeStore
	result keyrotation.Result
	revoke keyrotation.Revocation
	status keyrotation.Status
	drift  keyrotation.Drift
	err    error

	recorded bool // by EndSessions

	mu    sync.Mutex // held to write the next two: rotations of all projects come at once
	asked string     // verb, generation or key id
	order keyrotation.Order
}

func (r *rotation) Ring(context.Context) (keyrotation.Ring, error) {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	return r.store.ring, r.store.err
}

func (r *rotation) do(order keyrotation.Order, asked string, about ...any) (keyrotation.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked, r.order = strings.TrimSpace(asked+" "+fmt.Sprint(about...)), order
	return r.result, r.err
}

func (r *rotation) Status(context.Context) (keyrotation.Status, error) { return r.status, r.err }
func (r *rotation) Drift(context.Context) (keyrotation.Drift, error)   { return r.drift, r.err }
func (r *rotation) Reconcile(_ context.Context, o keyrotation.Order) (keyrotation.Result, error) {
	return r.do(o, "reconcile")
}
func (r *rotation) Activate(_ context.Context, n int, o keyrotation.Order) (keyrotation.Result, error) {
	return r.do(o, "activate", n)
}
func (r *rotation) Rollback(_ context.Context, n int, o keyrotation.Order) (keyrotation.Result, error) {
	return r.do(o, "rollback", n)
}
func (r *rotation) Release(_ context.Context, n int, o keyrotation.Order) (keyrotation.Result, error) {
	return r.do(o, "release", n)
}
func (r *rotation) Confirm(_ context.Context, n int, id string, o keyrotation.Order) (keyrotation.Result, error) {
	return r.do(o, "confirm", n, " "+id)
}

func (r *rotation) ConfirmRemoved(_ context.Context, n int, o keyrotation.Order) (keyrotation.Result, error) {
	return r.do(o, "confirm removed", n, "")
}
func (r *rotation) PreviewRevoke(_ context.Context, n int) (keyrotation.Revocation, error) {
	return r.revoke, r.err
}

func (r *rotation) Revoke(_ context.Context, n int, o keyrotation.Order) (keyrotation.Revocation, error) {
	_, err := r.do(o, "revoke", n)
	return r.revoke, err
}
func (r *rotation) EndSessions(_ context.Context, of keyrotation.SessionsOf, o keyrotation.Order) (bool, error) {
	_, err := r.do(o, "end sessions", fmt.Sprintf("%+v", of))
	return r.recorded, err
}
func (r *rotation) End(_ context.Context, o keyrotation.Order) error {
	_, err := r.do(o, "end")
	return err
}
func (r *rotation) RemoveUnmanaged(_ context.Context, id string, o keyrotation.Order) error {
	_, err := r.do(o, "remove", id)
	return err
}

// world is a service with one project, default, and a second that exists but
// has no callers in these tests.
type world struct {
	http.Handler
	store    *fakeStore
	minter   *signer.ShapeMinter
	rotation *rotation
	log      *strings.Builder
	logger   *slog.Logger
	swapped  handlers.Rotation
	others   []string  // ids of further rotating projects, which fail
	own      *rotation // of the keys of access tokens; nil: there are no such keys
}

func (w *world) Minter(_ context.Context, id string) (signer.Minter, error) {
	if id != projects.Default {
		return nil, fmt.Errorf("project %q: %w", id, projects.ErrNotFound)
	}
	return w.minter, nil
}

func (w *world) Rotation(_ context.Context, id string) (handlers.Rotation, error) {
	switch id {
	case projects.Default:
		if w.swapped != nil {
			return w.swapped, nil
		}
		return w.rotation, nil
	case access.RingID:
		if w.own != nil {
			return w.own, nil
		}
	case "project_failing":
		return &rotation{store: w.store, err: fmt.Errorf("platform: %w", keyrotation.ErrThrottled)}, nil
	}
	return nil, fmt.Errorf("project %q: %w", id, projects.ErrNotFound)
}

func (w *world) Rotating(context.Context) ([]string, error) {
	return append([]string{projects.Default}, w.others...), nil
}

// activeKey is generation 2 of every ring here.
func activeKey(t testing.TB) keyrotation.Key {
	t.Helper()
	text, err := keyrotation.EncodePublicKey(&pair().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return keyrotation.Key{
		Generation: 2, State: keyrotation.Active, StoreName: "store_name_2", Name: "playtoken 2", KeyID: "key-2",
		PublicKey: text, Fingerprint: keyrotation.Fingerprint(text), Kind: store.RSA2048, MaxTTL: time.Hour,
		CreatedAt: day(1), RegisteredAt: day(2), ActivatedAt: day(3),
	}
}

// day is a day of the month in which these keys live.
func day(n int) time.Time { return time.Date(1999, 12, n, 0, 0, 0, 0, time.UTC) }

// newWorld must be closed by the returned function.
func newWorld(t testing.TB) (*world, func()) {
	t.Helper()
	old := keyrotation.Key{
		Generation: 1, State: keyrotation.Deleted, StoreName: "store_name_1", Name: "playtoken 1", KeyID: "key-1",
		Fingerprint: "f1", Kind: store.RSA2048, CreatedAt: day(1), DeletedAt: day(4),
	}
	s := &fakeStore{ring: keyrotation.Ring{
		Project: "default", Keys: []keyrotation.Key{old, activeKey(t)},
		Durations: keyrotation.Durations{ViewAge: 10 * time.Second, Propagation: time.Minute},
	}}
	signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: s, Remembered: 100})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: s, rotation: &rotation{store: s}, log: &strings.Builder{}}
	w.minter = &signer.ShapeMinter{
		Ring: signer.NewRingView(s, "default"), Signatures: signatures, Shape: shape{},
		Policy: signer.Policy{DefaultTTL: 10 * time.Minute, MaxTTL: time.Hour, AllowedClaims: []string{"plan"}},
	}
	w.logger = slog.New(slog.NewTextHandler(w.log, nil))
	w.Handler = validated(t, handlers.New(handlers.Config{
		Callers:  callers{projects.EnvironmentKeys{AdminKey: secret.New(adminKey), APIKey: secret.New(apiKey)}},
		Projects: w, Ready: w.minter.Ready, ProjectReady: w.projectReady, Log: w.logger,
	}))
	return w, func() { w.minter.Ring.Close(); signatures.Close() }
}

// request builds a JSON request with a Bearer key; an empty key sends none.
func request(method, target, key, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return r
}

func (w *world) ask(method, target, key, body string) *httptest.ResponseRecorder {
	return w.send(request(method, target, key, body))
}

func (w *world) send(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r)
	return answer
}

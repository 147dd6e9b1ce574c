package apivideo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/client"
	"playtoken/secret"
	"playtoken/signer"

	"golang.org/x/sync/errgroup"
)

const (
	mintTimeout  = 6 * time.Second // of a whole mint
	readsPerMint = 2
)

// minter makes the tokens of one project.
type minter struct {
	*platform
	policy signer.Policy
}

func (p *platform) minter(policy signer.Policy) signer.Minter {
	return &minter{platform: p, policy: policy}
}

// Mint requests two private tokens, exchanges one for a session, whose URLs it
// returns, and returns the other as the value of the token. The token has no
// KeyID, because no key signed it.
//
// Besides what the policy refuses, a lifetime other than SessionLife, a viewer, a
// claim and a DRM policy are signer.ErrNotEnforceable, because private tokens
// carry no restrictions. A video that api.video does not have, or that is
// public, is signer.ErrVideo. Every failure of the platform is
// signer.ErrUnavailable, after six seconds at most; it has a RetryAfter if the
// rate limit of the platform is the reason. Errors of Account.Issued are
// returned unchanged.
func (m *minter) Mint(ctx context.Context, req signer.Request) (signer.Token, error) {
	if err := m.allows(req); err != nil {
		return signer.Token{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, mintTimeout)
	defer cancel()
	if err := m.budget.take(ctx, req.VideoID, readsPerMint); err != nil {
		return signer.Token{}, m.trouble(err)
	}
	token, err := m.mint(ctx, req.VideoID)
	if err != nil {
		return signer.Token{}, m.trouble(err)
	}
	return token, nil
}

// allows refuses requests that api.video cannot enforce.
func (m *minter) allows(req signer.Request) error {
	asked, policy := req.TTL, m.policy
	if asked == 0 { // no lifetime was requested, so the policy has none to bound
		req.TTL, policy.MaxTTL = SessionLife, SessionLife
	}
	if err := policy.Check(&req); err != nil {
		return err
	}
	switch {
	case !videoIDs.MatchString(req.VideoID):
		return fmt.Errorf("%w: want vi and then A-Z, a-z and 0-9, 64 characters at most", signer.ErrVideo)
	case asked != 0 && asked != SessionLife:
		return fmt.Errorf("%w: the lifetime of api.video tokens is always %d seconds", signer.ErrNotEnforceable, SessionLife/time.Second)
	case req.Viewer != (signer.Viewer{}):
		return fmt.Errorf("%w: api.video tokens cannot be bound to a viewer", signer.ErrNotEnforceable)
	case len(req.Claims) > 0:
		return fmt.Errorf("%w: api.video tokens carry no claims", signer.ErrNotEnforceable)
	case req.DRMPolicy != "":
		return fmt.Errorf("%w: api.video tokens have no DRM policies", signer.ErrNotEnforceable)
	case len(req.Kinds) > 0:
		return fmt.Errorf("%w: one api.video session opens all of a video, so its tokens have no kinds", signer.ErrNotEnforceable)
	}
	return nil
}

func (m *minter) mint(ctx context.Context, videoID string) (signer.Token, error) {
	start := time.Now() // no session of this mint is older
	var urls signer.URLs
	var unused assets
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		first, err := m.assets(ctx, videoID)
		if err == nil {
			urls, err = m.openSession(ctx, first)
		}
		return err
	})
	group.Go(func() (err error) {
		unused, err = m.assets(ctx, videoID)
		return err
	})
	if err := group.Wait(); err != nil {
		return signer.Token{}, err
	}
	issued := start.UTC().Truncate(time.Second)
	return signer.Token{
		Value:     unused.token,
		VideoID:   videoID,
		IssuedAt:  issued,
		ExpiresAt: issued.Add(SessionLife),
		RefreshAt: issued.Add(SessionLife * 3 / 4),
		URLs:      urls,
		Delivery:  delivery(),
	}, nil
}

// assets requests a new private token.
func (p *platform) assets(ctx context.Context, videoID string) (assets, error) {
	var answer video
	if err := p.read(ctx, client.Call{Path: "/videos/" + videoID, Into: &answer}); err != nil {
		if hasStatus(err, http.StatusNotFound) && !errors.Is(err, signer.ErrUnavailable) {
			return assets{}, fmt.Errorf("%w: api.video has no such video", signer.ErrVideo)
		}
		return assets{}, fmt.Errorf("ask for a private token: %w", err)
	}
	got, err := answer.assets(videoID)
	if err == nil && !p.seen.add(got.token) {
		err = errors.New("api.video, or a cache before it, gave the same private token twice")
	}
	return got, err
}

// openSession spends a private token on a session. What leads to its assets is the
// platform's own word; no credential goes there.
func (p *platform) openSession(ctx context.Context, spent assets) (signer.URLs, error) {
	base := spent.base()
	if err := p.mayCall(base); err != nil {
		return signer.URLs{}, err
	}
	api, err := client.New(client.Config{
		Base:       base.String(),
		Credential: secret.New(spent.token), // so that no error shows it
		Timeout:    p.account.timeout(),
		Transport:  p.delivery,
	})
	if err != nil {
		return signer.URLs{}, err
	}
	var answer struct {
		SessionToken string `json:"session_token"`
	}
	if err := api.Do(ctx, client.Call{Method: http.MethodGet, Path: "/session", Into: &answer}); err != nil {
		return signer.URLs{}, fmt.Errorf("open a session: %w", hide(err))
	}
	if !isBearer(answer.SessionToken) {
		return signer.URLs{}, errors.New("open a session: the answer holds no usable session token")
	}
	return spent.urls(answer.SessionToken), nil
}

// hide keeps of an error of the delivery what it says, and not what it would
// mean from the API: 404 there is no word on the video.
func hide(err error) error {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return err
		}
	}
	return errors.New(err.Error())
}

// unavailable is trouble with the platform. What else it is can be found in it.
type unavailable struct{ error }

func (u unavailable) Error() string        { return signer.ErrUnavailable.Error() + ": " + u.error.Error() }
func (u unavailable) Unwrap() error        { return u.error }
func (u unavailable) Is(target error) bool { return target == signer.ErrUnavailable }

// trouble is what Mint makes of an error.
func (p *platform) trouble(err error) error {
	switch {
	case errors.Is(err, signer.ErrVideo), errors.Is(err, signer.ErrUnavailable):
		return err
	case errors.Is(err, keyrotation.ErrThrottled):
		if after := p.budget.wait(); after > 0 {
			return &spent{after} // the platform said when, in its own header
		}
	}
	return unavailable{err}
}

// seen remembers the newest private tokens, as digests, to notice one that
// comes again. It is safe for concurrent use.
type seen struct {
	mu    sync.Mutex
	known map[digest]bool
	ring  []digest // the same, in the order they came, from next on
	next  int
}

type digest = [sha256.Size]byte

// remembered is more than a platform makes in a cache's lifetime.
const remembered = 2000

func newSeen() *seen { return &seen{known: map[digest]bool{}} }

// add reports whether the token is new.
func (s *seen) add(token string) bool {
	d := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[d] {
		return false
	}
	s.known[d] = true
	if len(s.ring) < remembered {
		s.ring = append(s.ring, d)
		return true
	}
	delete(s.known, s.ring[s.next])
	s.ring[s.next] = d
	s.next = (s.next + 1) % remembered
	return true
}

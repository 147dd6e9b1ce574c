package platformtest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/signer"
)

// tokens is the policy of most tests.
var tokens = signer.Policy{DefaultTTL: 10 * time.Minute, MaxTTL: time.Hour}

// minter makes tokens for the account under a policy. Where the platform has a
// Shape or a Form, its tokens are signed with a key that the stand-in has.
func (b *bench) minter(t *testing.T, policy signer.Policy) signer.Minter {
	if b.platform.Minter != nil {
		return b.platform.Minter(policy)
	}
	if b.signing == nil {
		b.signing = b.suite.key
		public, err := keyrotation.EncodePublicKey(&b.signing.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		b.Add("signing", public)
	}
	keys := b.Current()
	return &shaped{shape: b.platform.Shape, form: b.platform.Form, policy: policy, key: b.signing, keyID: keys[len(keys)-1].ID}
}

func (s Suite) mint(t *testing.T) {
	var err error
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	s.try(t, "ATokenOpensItsVideo", options{}, testOpens)
	s.try(t, "AndNoOther", options{}, testNoOther)
	s.try(t, "EveryVideoNeedsLeave", options{}, testAllVideos)
	s.try(t, "Lifetimes", options{}, testLifetimes)
	s.try(t, "IDsOfNoVideo", options{}, testBadVideos)
	s.try(t, "RestrictionsAreKeptOrRefused", options{}, testRestrictions)
	s.try(t, "Claims", options{}, testClaims)
	s.try(t, "Delivery", options{}, testDelivery)
	s.try(t, "Kinds", options{}, testKinds)
	s.try(t, "ManyAtOnce", options{}, testManyMints)
	s.try(t, "EqualRequests", options{}, testEqual)
	s.try(t, "ATokenEnds", options{}, testExpiry)
	s.try(t, "WithoutAKeyThereIsNoToken", options{}, testNoKey)
	asks := false
	s.try(t, "WhetherItAsks", options{}, func(t *testing.T, b *bench) {
		_, err := b.minter(t, tokens).Mint(t.Context(), signer.Request{VideoID: s.Mint.Videos[0]})
		asks = err == nil && len(b.wire.Requests()) > 0
	})
	if asks {
		s.mintFaults(t)
	}
}

// mintFaults is for platforms that are asked for every token.
func (s Suite) mintFaults(t *testing.T) {
	mint := func(ctx context.Context, b *bench) error {
		_, err := b.minter(t, tokens).Mint(ctx, signer.Request{VideoID: s.Mint.Videos[0]})
		return err
	}
	s.faults(t, mint, func(t *testing.T, status int, err error) {
		theirs := slices.Contains([]int{400, 404, 413, 422}, status) && errors.Is(err, signer.ErrVideo)
		if err == nil || errors.Is(err, signer.ErrUnavailable) == theirs {
			t.Errorf("Mint with status %d = %v, want ErrUnavailable or ErrVideo", status, err)
		}
		var says interface{ RetryAfter() time.Duration }
		if status == http.StatusTooManyRequests && !errors.As(err, &says) {
			t.Errorf("%v does not say when to come back", err)
		}
	})
}

// open shows a URL to the viewers' side.
func (b *bench) open(t *testing.T, url string) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.account.Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// urls are the URLs of a token, by their JSON names.
func urls(t *testing.T, token signer.Token) map[string]string {
	t.Helper()
	text, err := json.Marshal(token.URLs)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]string{}
	if err := json.Unmarshal(text, &byName); err != nil {
		t.Fatal(err)
	}
	return byName
}

// opens reports what its URLs are answered.
func (b *bench) opens(t *testing.T, token signer.Token) map[string]int {
	t.Helper()
	statuses := map[string]int{}
	for name, url := range urls(t, token) {
		statuses[name] = b.open(t, url)
	}
	return statuses
}

// all reports whether there are statuses, and all of them are successes.
func all(statuses map[string]int) bool {
	for _, status := range statuses {
		if status/100 != 2 {
			return false
		}
	}
	return len(statuses) > 0
}

func none(statuses map[string]int) bool {
	for _, status := range statuses {
		if status/100 == 2 {
			return false
		}
	}
	return len(statuses) > 0
}

func testOpens(t *testing.T, b *bench) {
	for _, video := range b.suite.Mint.Videos {
		token, err := b.minter(t, tokens).Mint(t.Context(), signer.Request{VideoID: video})
		if err != nil {
			t.Fatalf("Mint(%s) = %v, want success", video, err)
		}
		if got := b.opens(t, token); !all(got) {
			t.Errorf("the URLs of the token for %s returned %v, want success for all", video, got)
		}
		for name, url := range urls(t, token) {
			if !slices.Contains(b.platform.URLs, name) {
				t.Errorf("%s: there is a URL %s, which is not announced", video, name)
			}
			if holdsCanary(url) {
				t.Errorf("the credential is in %s", url)
			}
		}
		if token.Value == "" || token.VideoID != video || holdsCanary(token.Value) {
			t.Errorf("Mint(%s) = %+v, want a token of that video without the credential", video, token)
		}
		if got := b.advice(token); len(got) > 0 {
			t.Errorf("advice on the token for %s: got %+v, want none on one of ours", video, got)
		}
		b.examined(t, token)
	}
}

// testNoOther shows the token of one video where another video's belongs.
func testNoOther(t *testing.T, b *bench) {
	videos := b.suite.Mint.Videos
	token, err := b.minter(t, tokens).Mint(t.Context(), signer.Request{VideoID: videos[0]})
	if err != nil {
		t.Fatal(err)
	}
	for name, url := range urls(t, token) {
		moved := strings.ReplaceAll(url, videos[0], videos[1])
		if moved == url {
			continue // the URL does not name its video
		}
		if status := b.open(t, moved); status/100 == 2 {
			t.Errorf("%s: the token of %s opens %s", name, videos[0], videos[1])
		}
	}
	if got := b.opens(t, token); !all(got) {
		t.Errorf("and its own: %v", got)
	}
}

// testNoKey is for platforms that mint with a key that they issued.
func testNoKey(t *testing.T, b *bench) {
	if b.platform.Issuer == nil {
		return
	}
	for _, want := range []error{&signer.NoActiveKey{EarliestAt: time.Now()}, signer.ErrUnavailable} {
		account := b.account
		account.Issued = func(context.Context) (platforms.IssuedKey, error) { return platforms.IssuedKey{}, want }
		p, err := b.suite.Kind.Open(account)
		if err != nil {
			t.Fatal(err)
		}
		token, err := p.Minter(tokens).Mint(t.Context(), signer.Request{VideoID: b.suite.Mint.Videos[0]})
		if !errors.Is(err, want) || token.Value != "" || len(b.wire.Requests()) > 0 {
			t.Errorf("%v, want %v; %d requests", err, want, len(b.wire.Requests()))
		}
	}
}

func testAllVideos(t *testing.T, b *bench) {
	req := signer.Request{VideoID: signer.AllVideos}
	if _, err := b.minter(t, tokens).Mint(t.Context(), req); !errors.Is(err, signer.ErrAllVideos) {
		t.Errorf("without leave: %v", err)
	}
	policy := tokens
	policy.AllowAllVideos = true
	token, err := b.minter(t, policy).Mint(t.Context(), req)
	switch {
	case b.suite.Mint.AllVideos && (err != nil || token.Value == ""):
		t.Errorf("with leave: %v", err)
	case !b.suite.Mint.AllVideos && !errors.Is(err, signer.ErrNotEnforceable) && !errors.Is(err, signer.ErrVideo):
		t.Errorf("where there is no such token: %v", err)
	}
}

func testLifetimes(t *testing.T, b *bench) {
	minter := b.minter(t, tokens)
	for ttl, want := range map[time.Duration]error{
		0: nil, time.Second: nil, 90 * time.Second: nil, time.Hour: nil,
		-time.Second: signer.ErrTTL, time.Millisecond: signer.ErrTTL, 1500 * time.Millisecond: signer.ErrTTL,
		time.Hour + time.Second: signer.ErrTTL, 1000 * time.Hour: signer.ErrTTL,
	} {
		now := time.Now()
		token, err := minter.Mint(t.Context(), signer.Request{VideoID: b.suite.Mint.Videos[0], TTL: ttl})
		if b.suite.Mint.Fixed != 0 && want == nil && ttl != 0 {
			want = signer.ErrNotEnforceable
		}
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", ttl, err, want)
		}
		if err == nil {
			checkTimes(t, token, now, ttl, max(tokens.MaxTTL, b.suite.Mint.Fixed))
		}
	}
}

// checkTimes has a token live as long as was asked for; longer only within
// what the policy allows.
func checkTimes(t *testing.T, token signer.Token, now time.Time, ttl, longest time.Duration) {
	t.Helper()
	if ttl == 0 {
		ttl = tokens.DefaultTTL
	}
	lives := token.ExpiresAt.Sub(token.IssuedAt)
	if token.IssuedAt.After(now) || now.Sub(token.IssuedAt) >= time.Second || lives > longest || lives <= 0 {
		t.Errorf("%s: issued at %s, lives %s", ttl, token.IssuedAt, lives)
	}
	if !token.RefreshAt.Before(token.ExpiresAt) && lives > time.Second || token.RefreshAt.Before(token.IssuedAt) {
		t.Errorf("%s: a new one is due at %s", ttl, token.RefreshAt)
	}
	for _, at := range []time.Time{token.IssuedAt, token.ExpiresAt, token.RefreshAt} {
		if at.Location() != time.UTC || at.Nanosecond() != 0 {
			t.Errorf("the token for %s has the time %s, want whole seconds in UTC", ttl, at)
		}
	}
}

func testBadVideos(t *testing.T, b *bench) {
	minter := b.minter(t, tokens)
	bad := []string{"", "**", "../a", "a b", "a?b", "a#b", "a%2fb", "a\n", "a\x00", "ä", "//", "/", strings.Repeat("a", 500)}
	for _, video := range append(bad, b.suite.Mint.Bad...) {
		if token, err := minter.Mint(t.Context(), signer.Request{VideoID: video}); !errors.Is(err, signer.ErrVideo) || token.Value != "" {
			t.Errorf("Mint(%.40q) = %+v, %v, want ErrVideo", video, token, err)
		}
	}
	if n := len(b.wire.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func testRestrictions(t *testing.T, b *bench) {
	minter := b.minter(t, tokens)
	for name, viewer := range map[string]signer.Viewer{"id": {ID: "viewer-1"}, "address": {IP: "192.0.2.1"}, "both": {ID: "viewer-1", IP: "2001:db8::1"}} {
		token, err := minter.Mint(t.Context(), signer.Request{VideoID: b.suite.Mint.Videos[0], Viewer: viewer})
		if b.suite.Mint.Addresses && viewer.ID == "" {
			if err != nil || token.Value == b.anyones(t).Value {
				t.Errorf("Mint for an address = %v, want a token of its own", err)
			}
			continue
		}
		if kept := b.suite.Mint.Viewers && viewer.IP == ""; !kept && !errors.Is(err, signer.ErrNotEnforceable) {
			t.Errorf("Mint for a viewer by %s = %v, want ErrNotEnforceable", name, err)
		} else if kept && (err != nil || !all(b.opens(t, token)) || token.Value == b.anyones(t).Value) {
			t.Errorf("Mint for a viewer by %s = %v, want a token of their own that opens the video", name, err)
		}
	}
}

// anyones is a token that is for no viewer.
func (b *bench) anyones(t *testing.T) signer.Token {
	token, err := b.minter(t, tokens).Mint(t.Context(), signer.Request{VideoID: b.suite.Mint.Videos[0]})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func testClaims(t *testing.T, b *bench) {
	m := b.suite.Mint
	req := signer.Request{VideoID: m.Videos[0], Claims: map[string]any{"surely_not_known": "x"}}
	if _, err := b.minter(t, tokens).Mint(t.Context(), req); !errors.Is(err, signer.ErrClaim) {
		t.Errorf("a claim that is not allowed: %v", err)
	}
	policy := tokens
	policy.AllowedClaims = append([]string{m.Claim}, m.Reserved...)
	for _, name := range m.Reserved {
		req.Claims = map[string]any{name: "x"}
		if _, err := b.minter(t, policy).Mint(t.Context(), req); !errors.Is(err, signer.ErrClaim) {
			t.Errorf("Mint with the claim %s = %v, want ErrClaim", name, err)
		}
	}
	if m.Claim == "" {
		return
	}
	req.Claims = map[string]any{m.Claim: "abcd1234"}
	token, err := b.minter(t, policy).Mint(t.Context(), req)
	if err != nil || !all(b.opens(t, token)) {
		t.Errorf("Mint with the claim %s = %v, want a token whose URLs work", m.Claim, err)
	}
}

func testManyMints(t *testing.T, b *bench) {
	minter := b.minter(t, tokens)
	var crowd sync.WaitGroup
	minted := make([]signer.Token, 40)
	for i := range minted {
		crowd.Go(func() {
			var err error
			video := b.suite.Mint.Videos[i%len(b.suite.Mint.Videos)]
			if minted[i], err = minter.Mint(t.Context(), signer.Request{VideoID: video}); err != nil || minted[i].VideoID != video {
				t.Errorf("Mint(%s) = %+v, %v, want a token of that video", video, minted[i], err)
			}
		})
	}
	crowd.Wait()
	for _, token := range minted {
		if got := b.opens(t, token); !all(got) {
			t.Errorf("the URLs of the token for %s returned %v, want success for all", token.VideoID, got)
		}
	}
}

func testEqual(t *testing.T, b *bench) {
	minter := b.minter(t, tokens)
	req := signer.Request{VideoID: b.suite.Mint.Videos[0]}
	one, err1 := minter.Mint(t.Context(), req)
	two, err2 := minter.Mint(t.Context(), req)
	if err1 != nil || err2 != nil || (one.Value == two.Value) != b.suite.Mint.Steady {
		t.Errorf("%v, %v; equal: %v", err1, err2, one.Value == two.Value)
	}
}

func testExpiry(t *testing.T, b *bench) {
	req := signer.Request{VideoID: b.suite.Mint.Videos[0]}
	if b.suite.Mint.Fixed == 0 {
		req.TTL = 2 * time.Minute
	}
	token, err := b.minter(t, tokens).Mint(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(token.ExpiresAt) - time.Second)
	if got := b.opens(t, token); !all(got) {
		t.Errorf("just before its end: %v", got)
	}
	time.Sleep(time.Second)
	if got := b.opens(t, token); !none(got) {
		t.Errorf("at its end: %s, %v", fmt.Sprint(token.ExpiresAt), got)
	}
}

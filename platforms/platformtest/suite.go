// Package platformtest is the conformance suite of platforms: [Run] checks
// what an opened platforms.Platform promises, under every fault of the
// platform and the network that package standin can produce.
//
// The decision a newcomer would get wrong: a test of the suite never names a
// platform. What a platform does is in its capabilities and in its [Suite].
package platformtest

import (
	"crypto/rsa"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/standin"
	"playtoken/store"
)

// Suite is one platform, as its tests see it.
type Suite struct {
	Kind platforms.Kind

	// Settings of an account at the stand-in. All of a platform is at
	// http://127.0.0.1, on any port and below any path; its credentials are
	// made by the suite.
	Settings map[string]string

	// Serve is the platform over HTTP, the API and the viewers' side alike.
	Serve func(standin.World) http.Handler

	// Refuse is a refusal in the platform's own form, with a text for people.
	Refuse standin.Refusal

	Limit Limit
	Mint  Mint

	// Partial says that this account does less than its kind offers.
	Partial bool

	// BareDelete says that a delete is answered with a status and no body, so
	// that nothing can be wrong with one.
	BareDelete bool

	key     *rsa.PrivateKey // that signs the tokens of a Shape or a Form
	benches *atomic.Int64   // so far; each has credentials of its own
}

// Limit is how the platform counts its callers' calls. The zero Limit: it does
// not say.
type Limit struct {
	Calls  int // per Window
	Window time.Duration
	Left   func(calls int) http.Header // how an answer says what is left
}

// Mint is what the platform's tokens are asked for.
type Mint struct {
	Videos   []string // at least two that the account has
	Bad      []string // cannot be ids of videos
	Claim    string   // a name that an extra claim may have; empty: no such name
	Reserved []string // names that no extra claim may have, allowed or not

	AllVideos bool // a token may open all of them
	Steady    bool // equal requests at the same time get equal tokens
	Viewers   bool // a token may be for one viewer, by their id
	Addresses bool // a token may be for one IPv4 address

	// Fixed is how long every token lives, where the platform alone decides
	// that; asking for anything else is refused. 0: it can be asked for.
	Fixed time.Duration
}

// Run checks the promises of an opened account under all faults of the platform
// and the network. Its capabilities decide which promises it makes.
func Run(t *testing.T, s Suite) {
	s.benches = new(atomic.Int64)
	var opened platforms.Platform
	synctest.Test(t, func(t *testing.T) {
		b := s.bench(t, options{})
		opened = b.platform
		if len(b.wire.Requests()) > 0 {
			t.Error("opening an account calls the platform")
		}
	})
	t.Run("Accounts", s.accounts)
	if opened.Check != nil {
		t.Run("Check", s.check)
	}
	if opened.Capabilities().Mints {
		t.Run("Mint", s.mint)
	}
	if opened.Registrar != nil || opened.Issuer != nil {
		t.Run("Keys", s.keys)
		t.Run("Lists", s.lists)
		t.Run("Statuses", s.statuses)
		t.Run("Secrets", s.secrets)
		t.Run("Bounds", s.bounds)
	}
}

var sentinels = []error{
	keyrotation.ErrRefused, keyrotation.ErrUnauthorized, keyrotation.ErrThrottled,
	store.ErrNotFound, store.ErrUnavailable, store.ErrConflict,
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

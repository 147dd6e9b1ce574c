// Package signer mints playback tokens and the URLs that contain them.
//
// The decision a newcomer would get wrong: the key id in a token's header and its
// signature come from one Key value of one view of the ring, and the signature is
// verified with that key's recorded public key before the token is released. Even
// if a key in the store was replaced, no token is released that the platform could
// not verify.
package signer

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"
)

// Errors of Mint. The first five concern the request.
var (
	ErrTTL            = errors.New("the token lifetime is out of range")
	ErrVideo          = errors.New("the video id is not one of this platform")
	ErrClaim          = errors.New("the claim is not allowed")
	ErrNotEnforceable = errors.New("the platform cannot enforce this restriction")
	// ErrAllVideos: the project does not allow tokens for every video.
	ErrAllVideos = errors.New("tokens for all videos are not allowed")
	// ErrUnavailable: the store cannot sign now. The same request may succeed
	// later.
	ErrUnavailable = errors.New("signer unavailable")
	// ErrKeyGone: the store does not have the private key, or not any more.
	ErrKeyGone = errors.New("private key not found")
)

// NoActiveKey is the error of Mint while no key may sign.
type NoActiveKey struct {
	// EarliestAt is when a key will be active; zero if unknown.
	EarliestAt time.Time
}

func (e *NoActiveKey) Error() string {
	if e.EarliestAt.IsZero() {
		return "no signing key is active"
	}
	return fmt.Sprintf("no signing key is active before %s", e.EarliestAt.Format(time.RFC3339))
}

// AllVideos is the video id of a token for every video.
const AllVideos = "*"

// Viewer is the viewer that a token is restricted to. Empty fields restrict nothing.
type Viewer struct {
	ID string
	IP string
}

// Request asks for one playback token.
type Request struct {
	VideoID string
	TTL     time.Duration // whole seconds; 0 means the policy's default
	Viewer  Viewer
	Claims  map[string]any // extra claims, from a JSON object

	// DRMPolicy is the DRM policy under which the video is played; may be empty.
	// Platforms without DRM policies return ErrNotEnforceable.
	DRMPolicy string

	// Kinds names tokens that are wanted besides, each for a part of the video
	// that has a token of its own. Platforms without such a kind return
	// ErrNotEnforceable.
	Kinds []string
}

// URLs are ready-to-use addresses; one that the platform does not have is empty.
type URLs struct {
	Landing   string `json:"landing,omitempty"`   // a page with the video
	Embed     string `json:"embed,omitempty"`     // for an iframe
	HLS       string `json:"hls,omitempty"`       // a manifest
	DASH      string `json:"dash,omitempty"`      // a manifest of DASH
	MP4       string `json:"mp4,omitempty"`       // an MP4 file
	Thumbnail string `json:"thumbnail,omitempty"` // a still picture, small
	Poster    string `json:"poster,omitempty"`    // a still picture
	Media     string `json:"media,omitempty"`     // a description of the media in JSON
	Playlist  string `json:"playlist,omitempty"`  // a description of a playlist in JSON
	DRM       string `json:"drm,omitempty"`       // a description of the media for protected playback
	Player    string `json:"player,omitempty"`    // a script that loads a player
	Tracks    string `json:"tracks,omitempty"`    // captions, chapters or previews
}

// Token is a playback token. Times are UTC with whole seconds.
type Token struct {
	Value     string
	VideoID   string
	KeyID     string // empty on platforms whose tokens name no key
	IssuedAt  time.Time
	ExpiresAt time.Time
	RefreshAt time.Time // when a player should ask for the next token
	URLs      URLs
	Delivery  Delivery
	Kinds     map[string]string // the tokens of Request.Kinds, by kind
}

// Minter mints the playback tokens of one project; each platform has its own
// implementation. It is safe for concurrent use.
type Minter interface {
	Mint(ctx context.Context, req Request) (Token, error)
}

// Policy bounds the tokens that a project's callers may ask for.
type Policy struct {
	DefaultTTL     time.Duration
	MaxTTL         time.Duration
	AllowAllVideos bool
	AllowedClaims  []string // exact names of extra claims
}

// Shape is a platform's part of a JWT that is signed with the ring's active key: its claims,
// its URLs and how it is delivered. Implementations are pure.
type Shape interface {
	// Claims returns all claims of the token. Errors: ErrVideo,
	// ErrNotEnforceable, ErrClaim (for a name that would overwrite one of the
	// platform's).
	Claims(req Request, issued, expires time.Time) (map[string]any, error)
	URLs(videoID, token string) URLs
	Delivery() Delivery
}

// PrivateKeys signs with keys in the store. It is safe for concurrent use.
type PrivateKeys interface {
	// Sign returns the signature by the only version of the named key, which the
	// scheme has to fit, of what [Scheme.Input] returned for a message. Errors:
	// ErrUnavailable, ErrKeyGone. The caller may retry after any error, and must
	// not change input before it returns or after ctx has ended.
	Sign(ctx context.Context, storeName string, scheme Scheme, input []byte) (Signature, error)
}

// Signature is a signature that has not been released yet.
type Signature struct {
	Value []byte
	// VerifiedBy is the public key with which the maker of the signature has
	// verified it; nil: it was not verified.
	VerifiedBy *rsa.PublicKey
}

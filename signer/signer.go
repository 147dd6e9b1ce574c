// Package signer turns "this viewer, this video" into a playback token and
// the URLs that carry it.
//
// The decision a newcomer would get wrong: the key id in a token's header and
// its signature come from one Key value of one view of the ring, and the
// signature is verified against that key's recorded public half before the
// token is released. Whatever a store does behind our back, no token leaves
// that the platform could not verify.
package signer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of Mint. The first four are the caller's to mend.
var (
	ErrTTL            = errors.New("token lifetime out of range")
	ErrVideo          = errors.New("not a video id of this platform")
	ErrClaim          = errors.New("claim not allowed")
	ErrNotEnforceable = errors.New("restriction that the platform cannot enforce")
	// ErrAllVideos: the project does not allow tokens for every video.
	ErrAllVideos = errors.New("tokens for all videos are not allowed")
	// ErrUnavailable: the store cannot sign now. Nothing is wrong with the
	// request; try again.
	ErrUnavailable = errors.New("signer unavailable")
	// ErrKeyGone: the store has no such private key (any more).
	ErrKeyGone = errors.New("private key gone")
)

// NoActiveKey is the error of Mint while no key may sign.
type NoActiveKey struct {
	// EarliestAt is when one will, if that is known; else zero.
	EarliestAt time.Time
}

func (e *NoActiveKey) Error() string {
	if e.EarliestAt.IsZero() {
		return "no active signing key"
	}
	return fmt.Sprintf("no active signing key before %s", e.EarliestAt.Format(time.RFC3339))
}

// AllVideos is the video id that asks for a token which opens every video.
const AllVideos = "*"

// Viewer is who will watch. Empty fields restrict nothing.
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

	// DRMPolicy is the DRM policy under which the video will be played; empty:
	// none. Platforms that have no such thing say ErrNotEnforceable.
	DRMPolicy string
}

// URLs are ready to use; a URL that the platform does not have is empty.
type URLs struct {
	Landing   string `json:"landing,omitempty"`   // a page with the video
	Embed     string `json:"embed,omitempty"`     // for an iframe
	HLS       string `json:"hls,omitempty"`       // a manifest
	MP4       string `json:"mp4,omitempty"`       // a file
	Thumbnail string `json:"thumbnail,omitempty"` // a still picture, small
	Poster    string `json:"poster,omitempty"`    // a still picture
	Media     string `json:"media,omitempty"`     // a description of the media in JSON
	Playlist  string `json:"playlist,omitempty"`  // the same of a playlist
	DRM       string `json:"drm,omitempty"`       // the same, for protected playback
	Player    string `json:"player,omitempty"`    // a script that brings a player
	Tracks    string `json:"tracks,omitempty"`    // captions, chapters or previews
}

// Token is a playback token. Times are UTC with whole seconds.
type Token struct {
	Value     string
	VideoID   string
	KeyID     string // empty on platforms whose tokens name no key
	IssuedAt  time.Time
	ExpiresAt time.Time
	RefreshAt time.Time // when a player should ask for the next one
	URLs      URLs
}

// Minter makes the playback tokens of one project. Every platform has one. It
// is safe for concurrent use.
type Minter interface {
	Mint(ctx context.Context, req Request) (Token, error)
}

// Policy bounds what a project's callers may ask for.
type Policy struct {
	DefaultTTL     time.Duration
	MaxTTL         time.Duration
	AllowAllVideos bool
	AllowedClaims  []string // exact names of extra claims
}

// Shape is a platform's own part of a token that is signed with RS256: what
// it claims and where it goes. Implementations are pure.
type Shape interface {
	// Claims returns the token's whole claim set. Errors: ErrVideo,
	// ErrNotEnforceable, ErrClaim (for a name that would overwrite one of the
	// platform's).
	Claims(req Request, issued, expires time.Time) (map[string]any, error)
	URLs(videoID, token string) URLs
}

// PrivateKeys signs with keys that never leave the store (or do so only as
// its settings allow). It is safe for concurrent use.
type PrivateKeys interface {
	// SignSHA256 returns the RSASSA-PKCS1-v1_5 signature of a SHA-256 digest
	// by the first and only version of the named key. Errors: ErrUnavailable,
	// ErrKeyGone. It may be called again after any error.
	SignSHA256(ctx context.Context, storeName string, digest [32]byte) ([]byte, error)
}

package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"playtoken/projects/viewers"
	"playtoken/signer"
)

// These are the routes that JW Player's apps expect of a signing service. They
// work the same for every platform.

// Entitled is the response that JW Player's apps expect.
type Entitled struct {
	Entitled bool   `json:"entitled"` // always true: a viewer who may not watch gets a problem
	Token    string `json:"token"`
}

// signBody holds the query parameters of the platform's address; they become
// claims of the token. An empty body is an empty object. Apps send it without a
// JSON content type.
type signBody struct{ claims map[string]any }

var (
	_ withDecode   = (*signBody)(nil)
	_ withTextType = signBody{}
)

func (signBody) acceptsTextType() {}

func (b *signBody) decode(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	return decodeObject(data, &b.claims)
}

func (s *server) sign(ctx context.Context, c call, body signBody) (Entitled, error) {
	token, err := s.signOne(ctx, c, c.vars["media_id"], body.claims)
	if err != nil {
		return Entitled{}, err
	}
	return Entitled{Entitled: true, Token: token}, nil
}

// signOne signs for one video. A token for all videos cannot be had here.
func (s *server) signOne(ctx context.Context, c call, mediaID string, claims map[string]any) (string, error) {
	if mediaID == signer.AllVideos {
		return "", memberError{error: fmt.Errorf("%w: name one video", signer.ErrVideo), field: "media_id"}
	}
	token, err := s.mint(ctx, c, signer.Request{VideoID: mediaID, Claims: claims, DRMPolicy: c.vars["policy_id"]})
	if errors.Is(err, signer.ErrVideo) {
		err = memberError{error: err, field: "media_id"}
	}
	return token.Value, err
}

// signAllBody names videos, each with its query parameters.
type signAllBody struct{ media map[string]map[string]any }

var (
	_ withDecode   = (*signAllBody)(nil)
	_ withCheck    = signAllBody{}
	_ withSize     = signAllBody{}
	_ withTextType = signAllBody{}
)

func (signAllBody) acceptsTextType() {}

func (b signAllBody) size() int { return len(b.media) }

func (b *signAllBody) decode(data []byte) error { return decodeObject(data, &b.media) }

func (b signAllBody) check() error {
	if n := len(b.media); n < 1 || n > maxBatch {
		return invalidf("the request names %d videos: send between 1 and %d", n, maxBatch)
	}
	return nil
}

// signAll responds with a token for each video, and null for one that the viewer
// may not watch. The video in the path is ignored: the apps put one of their list
// there.
func (s *server) signAll(ctx context.Context, c call, body signAllBody) (map[string]*string, error) {
	ids := slices.Sorted(maps.Keys(body.media))
	tokens, errs := make([]string, len(ids)), make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { tokens[i], errs[i] = s.signOne(ctx, c, id, body.media[id]) })
	}
	all.Wait()
	signed := map[string]*string{}
	for i, id := range ids {
		if errs[i] == nil {
			signed[id] = &tokens[i]
			continue
		}
		if !is(signer.ErrVideo)(errs[i]) && !as[*viewers.NotEntitled](errs[i]) {
			return nil, errs[i] // it concerns the whole request, not one video
		}
		signed[id] = nil
		s.tokenRefused(ctx, c, failureOf(errs[i]).code)
	}
	return signed, nil
}

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

// These addresses are what JW Player's own apps ask a signing service for. They
// work the same for every platform.

// Entitled is the answer to who may watch.
type Entitled struct {
	Entitled bool   `json:"entitled"` // always true: whoever may not is refused
	Token    string `json:"token"`
}

// signBody is the query that the platform will be asked with, to be claimed in
// the token; nothing at all is an empty one. Apps send it without saying that
// it is JSON.
type signBody struct{ claims map[string]any }

func (signBody) announcedAsText() {}

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
	return Entitled{true, token}, nil
}

// signOne signs for one video. There is no way to ask for all of them here.
func (s *server) signOne(ctx context.Context, c call, mediaID string, claims map[string]any) (string, error) {
	if mediaID == signer.AllVideos {
		return "", memberError{fmt.Errorf("%w: one at a time", signer.ErrVideo), "media_id"}
	}
	token, err := s.mint(ctx, c, signer.Request{VideoID: mediaID, Claims: claims, DRMPolicy: c.vars["policy_id"]})
	if errors.Is(err, signer.ErrVideo) {
		err = memberError{err, "media_id"}
	}
	return token.Value, err
}

// signAllBody names videos, each with its query.
type signAllBody struct{ media map[string]map[string]any }

func (signAllBody) announcedAsText() {}

func (b signAllBody) size() int { return len(b.media) }

func (b *signAllBody) decode(data []byte) error { return decodeObject(data, &b.media) }

func (b signAllBody) check() error {
	if n := len(b.media); n < 1 || n > maxBatch {
		return invalidf("the body names %d videos, want 1 to %d", n, maxBatch)
	}
	return nil
}

// signAll answers with a token for each video, null for one that this caller
// may not watch. The video in the path is one of a list that the app has, and
// says nothing.
func (s *server) signAll(ctx context.Context, c call, body signAllBody) (map[string]*string, error) {
	ids := slices.Sorted(maps.Keys(body.media))
	tokens, errs := make([]string, len(ids)), make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { tokens[i], errs[i] = s.signOne(ctx, c, id, body.media[id]) })
	}
	all.Wait()
	answer := map[string]*string{}
	for i, id := range ids {
		if errs[i] == nil {
			answer[id] = &tokens[i]
			continue
		}
		if !is(signer.ErrVideo)(errs[i]) && !as[*viewers.NotEntitled](errs[i]) {
			return nil, errs[i] // it is not about this video
		}
		answer[id] = nil
		s.noToken(failureOf(errs[i]).code)
	}
	return answer, nil
}

package handlers

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"

	"playtoken/projects"
	"playtoken/signer"
)

// maxBatch is how many tokens one request may ask for.
const maxBatch = 100

// mintBody asks for one token.
type mintBody struct {
	VideoID   string         `json:"video_id"`
	ExpiresIn *int64         `json:"expires_in"`
	Viewer    viewerBody     `json:"viewer"`
	Claims    map[string]any `json:"claims"`
	ProjectID string         `json:"project_id"`
}

type viewerBody struct {
	ID string `json:"id"`
	IP string `json:"ip"`
}

func (b mintBody) projectID() string { return b.ProjectID }

func (b mintBody) check() error {
	var wrong []fieldError
	if b.VideoID == "" {
		wrong = append(wrong, fieldError{"video_id", "is required: name the video that the token opens"})
	}
	if _, err := netip.ParseAddr(b.Viewer.IP); b.Viewer.IP != "" && err != nil {
		wrong = append(wrong, fieldError{"viewer.ip", "is not an IP address"})
	}
	if len(b.Viewer.ID) > maxReason || strings.ContainsFunc(b.Viewer.ID, unprintable) {
		wrong = append(wrong, fieldError{"viewer.id", fmt.Sprintf("want at most %d bytes of plain text", maxReason)})
	}
	return invalidFields(wrong...)
}

// request is the signer's form of the body. An absent lifetime is the
// policy's default, which a lifetime of 0 must not become.
func (b mintBody) request() (signer.Request, error) {
	req := signer.Request{
		VideoID: b.VideoID,
		Viewer:  signer.Viewer{ID: b.Viewer.ID, IP: b.Viewer.IP},
		Claims:  b.Claims,
	}
	if b.ExpiresIn == nil {
		return req, nil
	}
	if *b.ExpiresIn <= 0 || *b.ExpiresIn > math.MaxInt64/int64(time.Second) {
		return req, fmt.Errorf("%w: expires_in is %d", signer.ErrTTL, *b.ExpiresIn)
	}
	req.TTL = time.Duration(*b.ExpiresIn) * time.Second
	return req, nil
}

func (s *server) mintOne(ctx context.Context, c call, body mintBody) (Token, error) {
	req, err := body.request()
	if err != nil {
		return Token{}, err
	}
	minter, err := s.Projects.Minter(ctx, c.project)
	if err != nil {
		return Token{}, err
	}
	token, err := minter.Mint(ctx, req)
	if err != nil {
		return Token{}, err
	}
	return NewToken(token), nil
}

type batchBody struct {
	Requests []mintBody `json:"requests"`
}

func (b batchBody) check() error {
	if n := len(b.Requests); n < 1 || n > maxBatch {
		return invalidFields(fieldError{"requests", fmt.Sprintf("has %d requests, want 1 to %d", n, maxBatch)})
	}
	return nil
}

type batchAnswer struct {
	Items []any `json:"items"` // Token or batchError
}

type batchError struct {
	Error problem `json:"error"`
}

// mintBatch mints all at once: a store that signs in batches gets them as one.
func (s *server) mintBatch(ctx context.Context, c call, body batchBody) (batchAnswer, error) {
	items := make([]any, len(body.Requests))
	var all sync.WaitGroup
	for i, item := range body.Requests {
		all.Go(func() {
			token, err := s.mintItem(ctx, c, item)
			if err != nil {
				problem := s.explain(ctx, c.requestID, err)
				s.noToken(problem.Code)
				items[i] = batchError{problem}
				return
			}
			items[i] = token
		})
	}
	all.Wait()
	return batchAnswer{items}, nil
}

// mintItem holds one request of a batch to what the gate holds a request of
// its own to.
func (s *server) mintItem(ctx context.Context, c call, item mintBody) (Token, error) {
	if err := item.check(); err != nil {
		return Token{}, err
	}
	c.project = c.projectOf(item)
	if err := mayProject(c.caller, projects.Mint, c.project); err != nil {
		return Token{}, err
	}
	return s.mintOne(ctx, c, item)
}

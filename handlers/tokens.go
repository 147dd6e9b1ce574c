package handlers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"playtoken/projects"
	"playtoken/signer"
)

// maxBatch is how many tokens one request may ask for.
const maxBatch = 100

// mintBody asks for one token. A member that is null counts as absent.
type mintBody struct {
	VideoID   string         `json:"video_id"`
	ExpiresIn *int64         `json:"expires_in"`
	Viewer    viewerBody     `json:"viewer"`
	Claims    map[string]any `json:"claims"`
	Kinds     []string       `json:"kinds"`
	ProjectID *string        `json:"project_id"`
}

type viewerBody struct {
	ID *string `json:"id"`
	IP *string `json:"ip"`
}

var (
	_ withCheck     = mintBody{}
	_ withProjectID = mintBody{}
)

func (b mintBody) projectID() string { return deref(b.ProjectID) }

// deref returns the text, or "" if it is absent.
func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func (b mintBody) check() error {
	var wrong []fieldError
	if b.VideoID == "" {
		wrong = append(wrong, fieldError{"video_id", "is required: send the id of the video that the token is for"})
	}
	if b.Viewer.IP != nil {
		if _, err := netip.ParseAddr(*b.Viewer.IP); err != nil {
			wrong = append(wrong, fieldError{"viewer.ip", "is not an IP address: send one like 192.0.2.1 or 2001:db8::1, or leave it out"})
		}
	}
	if id := b.Viewer.ID; id != nil && (*id == "" || len(*id) > maxReason || strings.ContainsFunc(*id, unprintable)) {
		wrong = append(wrong, fieldError{"viewer.id", fmt.Sprintf("must have 1 to %d bytes of text without control characters", maxReason)})
	}
	wrong = append(wrong, checkKinds(b.Kinds)...)
	return invalidFields(append(wrong, checkProjectID(b.ProjectID)...)...)
}

// maxKinds bounds the tokens of one request.
const maxKinds = 8

func checkKinds(kinds []string) []fieldError {
	if len(kinds) > maxKinds {
		return []fieldError{{"kinds", fmt.Sprintf("has %d kinds: send at most %d", len(kinds), maxKinds)}}
	}
	for i, kind := range kinds {
		if kind == "" || len(kind) > maxReason || slices.Contains(kinds[:i], kind) {
			return []fieldError{{"kinds", "has an empty, a repeated or a long kind: send each kind of token once"}}
		}
	}
	return nil
}

func checkProjectID(id *string) []fieldError {
	if id != nil && *id == "" {
		return []fieldError{{"project_id", "is empty: send the project's id, or leave it out"}}
	}
	return nil
}

// request is the body as the signer takes it. An absent lifetime means the
// policy's default; a lifetime of 0 is an error and not the default.
func (b mintBody) request() signer.Request {
	req := signer.Request{
		VideoID: b.VideoID,
		Viewer:  signer.Viewer{ID: deref(b.Viewer.ID), IP: deref(b.Viewer.IP)},
		Claims:  b.Claims,
		Kinds:   b.Kinds,
	}
	switch {
	case b.ExpiresIn == nil: // the project's default
	case *b.ExpiresIn <= 0 || *b.ExpiresIn > math.MaxInt64/int64(time.Second):
		req.TTL = -time.Second // which no policy allows; its error names the range
	default:
		req.TTL = time.Duration(*b.ExpiresIn) * time.Second
	}
	return req
}

func (s *server) mintOne(ctx context.Context, c call, body mintBody) (Token, error) {
	token, err := s.mint(ctx, c, body.request())
	if err != nil {
		return Token{}, err
	}
	return newToken(token), nil
}

// mint makes one token if the project's rule and webhook allow it. Every route
// and every command that mints ends here.
func (s *server) mint(ctx context.Context, c call, req signer.Request) (signer.Token, error) {
	if c.caller.Operates() {
		var err error
		if c.policy, err = s.projectByID(ctx, c.project); err != nil {
			return signer.Token{}, err
		}
	}
	token, err := s.mintFor(ctx, c, req)
	if errors.Is(err, signer.ErrNotEnforceable) {
		err = memberError{error: err, field: restriction(req)}
	}
	if c.policy.TokenPolicy.AuditMints {
		s.recordMint(c, req.VideoID, err)
	}
	return token, err
}

// restriction names the member that the platform could not enforce.
func restriction(req signer.Request) string {
	switch {
	case req.DRMPolicy != "":
		return "policy_id"
	case len(req.Kinds) > 0:
		return "kinds"
	case req.Viewer == (signer.Viewer{}) && req.TTL == 0:
		return "claims"
	case req.Viewer == (signer.Viewer{}):
		return "expires_in"
	case req.Viewer.ID == "":
		return "viewer.ip"
	case req.Viewer.IP == "":
		return "viewer.id"
	}
	return "viewer"
}

func (s *server) mintFor(ctx context.Context, c call, req signer.Request) (signer.Token, error) {
	if err := c.caller.MayVideo(req.VideoID); err != nil {
		return signer.Token{}, err
	}
	if err := c.restrain(req); err != nil {
		return signer.Token{}, err
	}
	if err := s.entitled(ctx, c, req); err != nil {
		return signer.Token{}, err
	}
	minter, err := s.Projects.Minter(ctx, c.project)
	if err != nil {
		return signer.Token{}, err
	}
	if c.caller.Viewer == nil || req.Viewer.ID != "" {
		return minter.Mint(ctx, req)
	}
	// The viewer did not ask for a token that only they can use, but such a
	// token is better where the platform supports it.
	bound := req
	bound.Viewer.ID = c.caller.Viewer.Subject
	token, err := minter.Mint(ctx, bound)
	if errors.Is(err, signer.ErrNotEnforceable) {
		return minter.Mint(ctx, req)
	}
	return token, err
}

type batchBody struct {
	Requests []mintBody `json:"requests"`
}

var (
	_ withCheck = batchBody{}
	_ withSize  = batchBody{}
)

func (b batchBody) size() int { return len(b.Requests) }

func (b batchBody) check() error {
	if n := len(b.Requests); n < 1 || n > maxBatch {
		return invalidFields(fieldError{"requests", fmt.Sprintf("has %d requests: send between 1 and %d", n, maxBatch)})
	}
	return nil
}

type batchResponse struct {
	Items []any `json:"items"` // Token or batchError
}

type batchError struct {
	Error problem `json:"error"`
}

// mintBatch mints all tokens at once, so that a store that signs in batches can
// sign them in one.
func (s *server) mintBatch(ctx context.Context, c call, body batchBody) (batchResponse, error) {
	items := make([]any, len(body.Requests))
	var all sync.WaitGroup
	for i, item := range body.Requests {
		all.Go(func() {
			token, err := s.mintItem(ctx, c, item)
			if err != nil {
				problem := s.explain(c.outcome, err)
				of := c
				of.project = c.projectOf(item)
				s.tokenRefused(ctx, of, problem.Code)
				items[i] = batchError{problem}
				return
			}
			items[i] = token
		})
	}
	all.Wait()
	return batchResponse{items}, nil
}

// mintItem checks one request of a batch as the endpoint checks a single request.
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

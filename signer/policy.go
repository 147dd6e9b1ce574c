package signer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Bounds on what an allowed claim may hold. Larger integers would be rounded
// on their way through a JSON number.
const (
	maxClaimDepth   = 16
	maxClaimInteger = 1 << 53
)

// Validate reports, all at once, what no caller could be served with.
func (p Policy) Validate() error {
	var problems []error
	for _, ttl := range []struct {
		name string
		life time.Duration
	}{{"default token lifetime", p.DefaultTTL}, {"longest token lifetime", p.MaxTTL}} {
		if ttl.life <= 0 || ttl.life%time.Second != 0 {
			problems = append(problems, fmt.Errorf("%s %s: want whole seconds", ttl.name, ttl.life))
		}
	}
	if p.DefaultTTL > p.MaxTTL {
		problems = append(problems, fmt.Errorf("default token lifetime %s: longer than the longest, %s", p.DefaultTTL, p.MaxTTL))
	}
	return errors.Join(problems...)
}

// Check decides whether a request may be served, and fills in its lifetime.
// Errors: ErrTTL, ErrAllVideos, ErrClaim.
func (p Policy) Check(req *Request) error {
	if req.TTL == 0 {
		req.TTL = p.DefaultTTL
	}
	if req.TTL < time.Second || req.TTL > p.MaxTTL || req.TTL%time.Second != 0 {
		return fmt.Errorf("%w: want whole seconds from 1 to %d", ErrTTL, p.MaxTTL/time.Second)
	}
	if req.VideoID == AllVideos && !p.AllowAllVideos {
		return ErrAllVideos
	}
	for name, value := range req.Claims {
		if !slices.Contains(p.AllowedClaims, name) {
			return fmt.Errorf("%w: %q", ErrClaim, name)
		}
		if err := checkClaim(value, 1); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrClaim, name, err)
		}
	}
	return nil
}

// checkClaim refuses what would not arrive as it was sent.
func checkClaim(value any, depth int) error {
	if depth > maxClaimDepth {
		return fmt.Errorf("nested deeper than %d", maxClaimDepth)
	}
	switch value := value.(type) {
	case nil, bool, string:
	case float64:
		if math.Abs(value) > maxClaimInteger {
			return errors.New("number beyond 2^53; send it as a string")
		}
	case []any:
		for _, item := range value {
			if err := checkClaim(item, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range value {
			if err := checkClaim(item, depth+1); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%T is not a JSON value", value)
	}
	return nil
}

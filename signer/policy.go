package signer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Bounds of the value of an allowed claim. A JSON number would round larger
// integers.
const (
	maxClaimDepth   = 16
	maxClaimInteger = 1 << 53
)

// Validate reports everything that is wrong with a policy.
func (p Policy) Validate() error {
	var problems []error
	for _, ttl := range []struct {
		name string
		life time.Duration
	}{{"default token lifetime", p.DefaultTTL}, {"longest token lifetime", p.MaxTTL}} {
		if ttl.life <= 0 || ttl.life%time.Second != 0 {
			problems = append(problems, fmt.Errorf("%s %s: must be a positive number of whole seconds", ttl.name, ttl.life))
		}
	}
	if p.DefaultTTL > p.MaxTTL {
		problems = append(problems, fmt.Errorf("default token lifetime %s: must not be longer than the longest token lifetime, %s", p.DefaultTTL, p.MaxTTL))
	}
	return errors.Join(problems...)
}

// Check refuses a request that the policy forbids, and sets its default lifetime.
// Errors: ErrTTL, ErrAllVideos, ErrClaim.
func (p Policy) Check(req *Request) error {
	if req.TTL == 0 {
		req.TTL = p.DefaultTTL
	}
	if req.TTL < time.Second || req.TTL > p.MaxTTL || req.TTL%time.Second != 0 {
		return fmt.Errorf("%w: it must be 1 to %d whole seconds", ErrTTL, p.MaxTTL/time.Second)
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

// checkClaim refuses a value that the platform would not get as it was sent.
func checkClaim(value any, depth int) error {
	if depth > maxClaimDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxClaimDepth)
	}
	switch value := value.(type) {
	case nil, bool, string:
	case float64:
		if math.Abs(value) > maxClaimInteger {
			return errors.New("the number is larger than 2^53: send it as a string")
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

package handlers

import (
	"context"
	"slices"
	"strconv"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/lint"
	"playtoken/signer"
)

// advice says what is wrong with a token beside why the platform would refuse it.
// Tokens of a platform that judges its own kind are not compared with keys, of which
// the ring has none then.
func (s *server) advice(ctx context.Context, projectID, token string, at time.Time, ring keyrotation.Ring) ([]lint.Advice, error) {
	if s.Expects == nil {
		return nil, nil
	}
	expected, err := s.Expects(ctx, projectID)
	if err != nil || expected == nil {
		return nil, err
	}
	return lint.Lint(token, withKeys(*expected, ring), at), nil
}

// withKeys adds what the keys of a ring tell of tokens.
func withKeys(want lint.Expected, ring keyrotation.Ring) lint.Expected {
	want.Misnamed = map[string]string{}
	for _, key := range ring.Keys {
		want = withKey(want, key)
	}
	return want
}

// withKey adds what one key of the ring tells of tokens.
func withKey(want lint.Expected, key keyrotation.Key) lint.Expected {
	if key.KeyID == "" {
		return want
	}
	want.KeyIDs = append(want.KeyIDs, key.KeyID)
	if !usable(key.State) {
		return want
	}
	want.Misnamed[key.Fingerprint], want.Misnamed[strconv.Itoa(key.Generation)] = key.KeyID, key.KeyID
	want.MaxTTL = max(want.MaxTTL, key.MaxTTL)
	if algorithm := string(signer.JWTScheme(key.Kind)); algorithm != "" && !slices.Contains(want.Algorithms, algorithm) {
		want.Algorithms = append(want.Algorithms, algorithm)
	}
	return want
}

package jwtkeys

import "slices"

// What verifiers of JWTs refuse a token for beside its key, its signature and its
// times; see platforms.Platform.Judge.
const (
	IssuerWrong   = "issuer_wrong"
	AudienceWrong = "audience_wrong"
	LifeTooLong   = "token_life_too_long"
	ClaimsWrong   = "claims_wrong"
	VideoWrong    = "video_not_allowed"
)

// IsFor reports whether a token's audience is one that a verifier expects: of several,
// one is enough. Without an expectation, a verifier refuses every audience (RFC 7519,
// section 4.1.3).
func IsFor(aud any, expected []string) bool {
	if len(expected) == 0 {
		return aud == nil
	}
	said, _ := aud.([]any)
	if text, ok := aud.(string); ok {
		said = []any{text}
	}
	return slices.ContainsFunc(said, func(one any) bool {
		text, _ := one.(string)
		return slices.Contains(expected, text)
	})
}

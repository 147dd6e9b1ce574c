package viewers

import (
	"context"
	"log/slog"

	"playtoken/projects"
)

// Rejected says why a viewer's token is not accepted. It is a
// projects.ErrUnknownCaller. Neither its reason nor its text quotes the token.
type Rejected struct {
	Reason Reason
	why    string
}

// Reason is why a viewer's token is not accepted.
type Reason string

// The reasons.
const (
	Malformed     Reason = "malformed"
	BadAlgorithm  Reason = "algorithm_not_accepted"
	WrongIssuer   Reason = "wrong_issuer"
	UnknownKey    Reason = "unknown_key"
	BadSignature  Reason = "bad_signature"
	Expired       Reason = "expired"
	NotYetValid   Reason = "not_yet_valid"
	WrongAudience Reason = "wrong_audience"
	BadClaims     Reason = "invalid_claims" // a time, the subject, or the token is for another use
)

var (
	errMalformed = &Rejected{Malformed, "it is not a signed token of a kind that viewers may present"}
	errAlgorithm = &Rejected{BadAlgorithm, "its algorithm must be one of RS, PS and ES with 256, 384 or 512, or EdDSA"}
	errIssuer    = &Rejected{WrongIssuer, "the project does not list its issuer"}
	errKey       = &Rejected{UnknownKey, "its issuer publishes no key with its key id and for its algorithm"}
	errSignature = &Rejected{BadSignature, "its signature is wrong"}
)

func (r *Rejected) Error() string { return "the viewer's token is not accepted: " + r.why }

// Unwrap makes it a projects.ErrUnknownCaller.
func (*Rejected) Unwrap() error { return projects.ErrUnknownCaller }

// rejected counts and logs that a token was not accepted, and returns why.
func (v *Viewers) rejected(ctx context.Context, project string, why *Rejected) error {
	v.config.Watch(project, "token", string(why.Reason))
	v.noted(ctx, project+" token "+string(why.Reason), slog.LevelInfo, "a viewer's token is not accepted",
		slog.String("project_id", project), slog.String("reason", string(why.Reason)))
	return why
}

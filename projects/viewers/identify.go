package viewers

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"playtoken/projects"
	"playtoken/secret"
)

// Identify returns the viewer of a token: an ID or access token, in JWT form, from
// one of the project's issuers and for one of its audiences. It is accepted until a
// minute after its "exp" and from a minute before "nbf" and "iat". Errors:
// projects.ErrUnknownCaller, *Unavailable if the issuer's keys cannot be read, and
// the context's.
//
// The error says what is wrong with a token only if its issuer signed it. Every
// other token gets the same error.
func (v *Viewers) Identify(ctx context.Context, project projects.Project, credential secret.Value) (projects.Caller, error) {
	t, err := parse(credential.Reveal())
	if err != nil {
		return projects.Caller{}, errUnknownIssuer()
	}
	policy, listed := issuerOf(project, t.text("iss"))
	if !listed {
		return projects.Caller{}, errUnknownIssuer()
	}
	// The token names an issuer of the project. None of its content is trusted
	// before a key of this issuer has verified it.
	switch err := v.verify(ctx, v.issuer(policy.URL), t); {
	case errors.Is(err, errNoKey):
		return projects.Caller{}, errUnknownIssuer()
	case err != nil:
		return projects.Caller{}, err
	}
	// The issuer signed it.
	if err := t.check(v.config.Clock(), policy.Audiences); err != nil {
		return projects.Caller{}, fmt.Errorf("%w: the viewer's token: %w", projects.ErrUnknownCaller, err)
	}
	viewer := &projects.Viewer{Issuer: policy.URL, Subject: t.text("sub"), Claims: t.claims}
	return projects.Caller{ID: callerID(viewer), ProjectID: project.ID, Viewer: viewer}, nil
}

func errUnknownIssuer() error {
	return fmt.Errorf("%w: it is not a token of one of the project's issuers", projects.ErrUnknownCaller)
}

// issuerOf finds one of the project's issuers by its exact URL. If it is listed
// twice, its audiences are combined.
func issuerOf(project projects.Project, url string) (projects.Issuer, bool) {
	var found projects.Issuer
	for _, issuer := range project.ViewerPolicy.Issuers {
		if url != "" && issuer.URL == url {
			found = projects.Issuer{URL: url, Audiences: append(found.Audiences[:len(found.Audiences):len(found.Audiences)], issuer.Audiences...)}
		}
	}
	return found, found.URL != ""
}

// verify returns nil if a key of the issuer verifies the signature. A token that
// names no key is tried with all of them; if none fits, there may be a new key.
func (v *Viewers) verify(ctx context.Context, i *issuer, t token) error {
	var signed bool
	err := v.find(ctx, i, func(set keySet) bool {
		keys := set.fit(t.header)
		if len(keys) == 0 {
			return false
		}
		verifier := oidc.NewVerifier(i.url, &oidc.StaticKeySet{PublicKeys: keys}, &oidc.Config{
			SupportedSigningAlgs: []string{t.header.Alg}, // accepted by parse, and fits the keys
			SkipClientIDCheck:    true,                   // check allows several audiences
			SkipExpiryCheck:      true,                   // check allows clock skew
		})
		_, err := verifier.Verify(ctx, t.raw)
		signed = err == nil
		return signed || t.header.Kid != ""
	})
	if err == nil && !signed {
		return errNoKey
	}
	return err
}

// callerID is a viewer's name in the audit log. It does not reveal the viewer, and
// is the same for the same subject of the same issuer.
func callerID(viewer *projects.Viewer) string {
	sum := sha256.Sum256([]byte(viewer.Issuer + "\x00" + viewer.Subject))
	return "viewer_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

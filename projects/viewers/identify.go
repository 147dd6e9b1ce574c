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

// Identify returns the viewer whose token this is: an ID or access token, in
// JWT form, of one of the project's issuers and for one of its audiences. It
// is taken until a minute after its "exp" and from a minute before "nbf" and
// "iat". Errors: projects.ErrUnknownCaller, *Unavailable if that cannot be
// told, and the context's.
//
// What is wrong with a token is said only if its issuer signed it; of any
// other token everything is.
func (v *Viewers) Identify(ctx context.Context, project projects.Project, credential secret.Value) (projects.Caller, error) {
	t, err := parse(credential.Reveal())
	if err != nil {
		return projects.Caller{}, errStranger()
	}
	policy, listed := issuerOf(project, t.text("iss"))
	if !listed {
		return projects.Caller{}, errStranger()
	}
	// The token says that it is of an issuer of the project's. Nothing of it
	// is true before a key of this very issuer says so.
	switch err := v.verify(ctx, v.issuer(policy.URL), t); {
	case errors.Is(err, errNoKey):
		return projects.Caller{}, errStranger()
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

func errStranger() error {
	return fmt.Errorf("%w: not a token of one of the project's issuers", projects.ErrUnknownCaller)
}

// issuerOf chooses among the project's own issuers, by the same bytes. Where
// one is listed twice, its audiences add up.
func issuerOf(project projects.Project, url string) (projects.Issuer, bool) {
	var found projects.Issuer
	for _, issuer := range project.ViewerPolicy.Issuers {
		if url != "" && issuer.URL == url {
			found = projects.Issuer{URL: url, Audiences: append(found.Audiences[:len(found.Audiences):len(found.Audiences)], issuer.Audiences...)}
		}
	}
	return found, found.URL != ""
}

// verify returns nil if a key of the issuer made the signature. A token that
// names no key is tried with all; if that fails, there may be a new one.
func (v *Viewers) verify(ctx context.Context, i *issuer, t token) error {
	var signed bool
	err := v.find(ctx, i, func(set keySet) bool {
		keys := set.fit(t.header)
		if len(keys) == 0 {
			return false
		}
		verifier := oidc.NewVerifier(i.url, &oidc.StaticKeySet{PublicKeys: keys}, &oidc.Config{
			SupportedSigningAlgs: []string{t.header.Alg}, // one of ours, and the keys are made for it
			SkipClientIDCheck:    true,                   // there are several; see check
			SkipExpiryCheck:      true,                   // with a skew; see check
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

// callerID names a viewer in records without saying who it is: the same for
// the same subject of the same issuer.
func callerID(viewer *projects.Viewer) string {
	sum := sha256.Sum256([]byte(viewer.Issuer + "\x00" + viewer.Subject))
	return "viewer_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

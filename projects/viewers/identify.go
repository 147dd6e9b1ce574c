package viewers

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"playtoken/projects"
	"playtoken/secret"
)

// Identify returns the viewer of a token: an ID or access token, in JWT form, from
// one of the project's issuers and for one of its audiences. It is accepted until a
// minute after its "exp" and from a minute before "nbf" and "iat". Errors:
// *Rejected, *Unavailable if the issuer's keys cannot be read, and the context's.
//
// The error says what is wrong with a token, because front ends cannot mend what
// they cannot tell apart. It says nothing that the issuer does not publish.
func (v *Viewers) Identify(ctx context.Context, project projects.Project, credential secret.Value) (projects.Caller, error) {
	t, err := parse(credential.Reveal())
	var policy projects.Issuer
	if err == nil {
		policy, err = issuerOf(project, t.text("iss"))
	}
	if err == nil {
		// The token names an issuer of the project. None of its content is trusted
		// before a key of this issuer has verified it.
		err = v.verify(ctx, v.issuer(policy.URL), t)
	}
	if err == nil { // the issuer signed it
		err = t.check(v.config.Clock(), policy.Audiences)
	}
	if why, is := errors.AsType[*Rejected](err); is {
		err = v.rejected(ctx, project.ID, why)
	}
	if err != nil {
		return projects.Caller{}, err
	}
	viewer := &projects.Viewer{Issuer: policy.URL, Subject: t.text("sub"), Claims: t.claims}
	return projects.Caller{ID: callerID(viewer), ProjectID: project.ID, Viewer: viewer}, nil
}

// issuerOf finds one of the project's issuers by its exact URL. If it is listed
// twice, its audiences are combined. The error is errIssuer.
func issuerOf(project projects.Project, url string) (projects.Issuer, error) {
	var found projects.Issuer
	for _, issuer := range project.ViewerPolicy.Issuers {
		if url != "" && issuer.URL == url {
			found = projects.Issuer{URL: url, Audiences: append(found.Audiences[:len(found.Audiences):len(found.Audiences)], issuer.Audiences...)}
		}
	}
	if found.URL == "" {
		return found, errIssuer
	}
	return found, nil
}

// verify returns nil if a key of the issuer verifies the signature. A token that
// names no key is tried with all of them; if none fits, there may be a new key.
// Errors: errKey, errSignature, and as of find.
func (v *Viewers) verify(ctx context.Context, i *issuer, t token) error {
	var fitting, signed bool
	err := v.find(ctx, i, func(set keySet) bool {
		keys := set.fit(t.header)
		if fitting = len(keys) > 0; !fitting {
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
	switch none := errors.Is(err, errNoKey); {
	case none && !fitting:
		return errKey
	case none, err == nil && !signed:
		return errSignature
	}
	return err
}

// callerID is a viewer's name in the audit log. It does not reveal the viewer, and
// is the same for the same subject of the same issuer.
func callerID(viewer *projects.Viewer) string {
	sum := sha256.Sum256([]byte(viewer.Issuer + "\x00" + viewer.Subject))
	return "viewer_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

package projects

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"playtoken/secret"
)

// viewers checks the form of a viewer policy. Store.CheckViewers checks the rest.
func (f *findings) viewers(v ViewerPolicy) {
	f.issuers(v.Issuers)
	f.refuse(len(v.Origins) > maxOrigins, "viewer_policy.origins", "must have at most %d", maxOrigins)
	for i, origin := range v.Origins {
		f.refuse(!isOrigin(origin), "viewer_policy.origins", "must be https://host[:port] exactly as browsers send it (http only on a loopback host), or that of an app, as capacitor://localhost; not %.100q", origin)
		f.refuse(slices.Contains(v.Origins[:i], origin), "viewer_policy.origins", "has %.100q twice: remove one", origin)
	}
	f.refuse(len(v.Rule) > maxRule || !utf8.ValidString(v.Rule), "viewer_policy.rule", "must have at most %d bytes of UTF-8", maxRule)
	f.refuse(len(v.DRMPolicies) > maxPolicies, "viewer_policy.drm_policies", "must have at most %d", maxPolicies)
	for i, policy := range v.DRMPolicies {
		f.refuse(!plain(policy, maxPolicy), "viewer_policy.drm_policies", "must have ids of 1 to %d bytes without space", maxPolicy)
		f.refuse(slices.Contains(v.DRMPolicies[:i], policy), "viewer_policy.drm_policies", "has %.100q twice: remove one", policy)
	}
	if hook := v.Webhook; hook != nil {
		f.refuse(!isEndpoint(hook.URL), "viewer_policy.webhook.url", "must be an https URL (http only on a loopback host) without user or fragment")
		f.refuse(hook.Timeout < 0 || hook.Timeout > maxHookTime, "viewer_policy.webhook.timeout", "must be 1 to %d seconds, or 0", maxHookTime)
	}
}

func (f *findings) issuers(issuers []Issuer) {
	const at = "viewer_policy.issuers"
	f.refuse(len(issuers) > maxIssuers, at, "must have at most %d", maxIssuers)
	for i, issuer := range issuers {
		f.refuse(!isEndpoint(issuer.URL) || strings.Contains(issuer.URL, "?"), at, "must be an https URL (http only on a loopback host) without user, query or fragment")
		f.refuse(slices.ContainsFunc(issuers[:i], func(other Issuer) bool { return other.URL == issuer.URL }), at, "has %.100q twice: remove one", issuer.URL)
		f.refuse(len(issuer.Audiences) < 1 || len(issuer.Audiences) > maxAudiences, at, "must have 1 to %d audiences each", maxAudiences)
		for _, audience := range issuer.Audiences {
			f.refuse(!plain(audience, maxAudience), at, "must have audiences of 1 to %d bytes without space", maxAudience)
		}
	}
}

// A webhook's secret has this many bytes, as Standard Webhooks has it.
const (
	minHookKey = 24
	maxHookKey = 64
)

// NewWebhookSecret reads the secret of a webhook before it is saved: base64 as in
// Standard Webhooks, whose "whsec_" may be left out. It is kept with the prefix,
// because a secret without one was saved by an earlier version, which took the text
// itself for the key. The error is *Invalid.
func NewWebhookSecret(text string) (secret.Value, error) {
	const at = "viewer_policy.webhook_secret"
	encoded := strings.TrimPrefix(text, "whsec_")
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	switch {
	case err != nil || strings.ContainsAny(encoded, "\r\n"):
		return secret.Value{}, invalid(at, "is not base64 with padding, with or without whsec_ before it: make one with: openssl rand -base64 32")
	case len(key) < minHookKey || len(key) > maxHookKey:
		return secret.Value{}, invalid(at, fmt.Sprintf("is the base64 of %d bytes, and must be of %d to %d: make one with: openssl rand -base64 32", len(key), minHookKey, maxHookKey))
	}
	return secret.New("whsec_" + encoded), nil
}

// webhookSecret refuses a secret that requests to a webhook cannot be signed with.
// Earlier versions saved any text as a key; see NewWebhookSecret.
func (f *findings) webhookSecret(needed bool, text string) {
	const at = "viewer_policy.webhook_secret"
	f.refuse(needed && text == "", at, "is required with a webhook: requests to it are signed")
	f.refuse(text != "" && !plain(text, maxHookSecret), at, "must have at most %d characters without space", maxHookSecret)
	if encoded, standard := strings.CutPrefix(text, "whsec_"); standard {
		key, err := base64.StdEncoding.DecodeString(encoded)
		f.refuse(err != nil || len(key) == 0, at, "begins with whsec_ and must have base64 after that")
	}
}

// minHookSecret is how many characters a new webhook secret has at least.
const minHookSecret = 32

// ShortWebhookSecret says what is wrong with a secret that could be guessed, or
// nothing. Projects that have one already go on with it.
func ShortWebhookSecret(text secret.Value) string {
	if n := utf8.RuneCountInString(text.Reveal()); n > 0 && n < minHookSecret {
		return fmt.Sprintf("has %d characters, want at least %d: a shorter secret could be guessed", n, minHookSecret)
	}
	return ""
}

// isEndpoint reports whether a URL may be called.
func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && plain(text, maxURL) && u.User == nil && !strings.Contains(text, "#") && isSafe(u)
}

// isSafe reports whether the connection to a URL is encrypted or local.
func isSafe(u *url.URL) bool {
	host := u.Hostname()
	return host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(host))
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// hostName is a host name as browsers write it: in lower case, international names
// in their ASCII form.
var hostName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// appOrigin is the origin of pages that an app brings along and shows in a web
// view.
var appOrigin = regexp.MustCompile(`^(capacitor|ionic|tauri|app)://localhost$`)

// isOrigin reports whether a browser could send this as the origin of a page whose
// connection is safe.
func isOrigin(text string) bool {
	if appOrigin.MatchString(text) {
		return true
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > 255 || !isSafe(u) || u.Scheme+"://"+u.Host != text {
		return false
	}
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); (err != nil || addr.String() != host || addr.Zone() != "") && !hostName.MatchString(host) {
		return false
	}
	if u.Port() == "" {
		return !strings.HasSuffix(text, ":")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0 && strconv.FormatUint(port, 10) == u.Port() && // browsers leave out the usual one:
		!(u.Scheme == "https" && port == 443) && !(u.Scheme == "http" && port == 80)
}

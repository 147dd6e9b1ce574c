package projects

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// viewers checks the form of a viewer policy; what its rule means is for
// Store.CheckViewers.
func (f *findings) viewers(v ViewerPolicy) {
	f.issuers(v.Issuers)
	f.refuse(len(v.Origins) > maxOrigins, "viewer_policy.origins", "at most %d", maxOrigins)
	for i, origin := range v.Origins {
		f.refuse(!isOrigin(origin), "viewer_policy.origins", "want https://host[:port], as browsers send it (http on a loopback host only): %.100q", origin)
		f.refuse(slices.Contains(v.Origins[:i], origin), "viewer_policy.origins", "%.100q is there twice", origin)
	}
	f.refuse(len(v.Rule) > maxRule || !utf8.ValidString(v.Rule), "viewer_policy.rule", "want at most %d bytes of UTF-8", maxRule)
	if hook := v.Webhook; hook != nil {
		f.refuse(!isEndpoint(hook.URL), "viewer_policy.webhook.url", "want an https URL (http on a loopback host only) without user or fragment")
		f.refuse(hook.Timeout < 0 || hook.Timeout > maxHookTime, "viewer_policy.webhook.timeout", "want 1 to %d seconds, or 0", maxHookTime)
	}
}

func (f *findings) issuers(issuers []Issuer) {
	const at = "viewer_policy.issuers"
	f.refuse(len(issuers) > maxIssuers, at, "at most %d", maxIssuers)
	for i, issuer := range issuers {
		f.refuse(!isEndpoint(issuer.URL) || strings.Contains(issuer.URL, "?"), at, "want an https URL (http on a loopback host only) without user, query or fragment")
		f.refuse(slices.ContainsFunc(issuers[:i], func(other Issuer) bool { return other.URL == issuer.URL }), at, "%.100q is there twice", issuer.URL)
		f.refuse(len(issuer.Audiences) < 1 || len(issuer.Audiences) > maxAudiences, at, "want 1 to %d audiences for each", maxAudiences)
		for _, audience := range issuer.Audiences {
			f.refuse(!plain(audience, maxAudience), at, "want audiences of 1 to %d bytes without space", maxAudience)
		}
	}
}

// webhookSecret refuses what a webhook's questions could not be signed with:
// any text is a key, but "whsec_" announces the base64 of one.
func (f *findings) webhookSecret(needed bool, text string) {
	const at = "viewer_policy.webhook_secret"
	f.refuse(needed && text == "", at, "is needed with a webhook: what it is asked is signed")
	f.refuse(text != "" && !plain(text, maxHookSecret), at, "want at most %d characters without space", maxHookSecret)
	if encoded, standard := strings.CutPrefix(text, "whsec_"); standard {
		key, err := base64.StdEncoding.DecodeString(encoded)
		f.refuse(err != nil || len(key) == 0, at, "begins with whsec_: want base64 after that")
	}
}

// isEndpoint reports whether somebody may be asked at this URL.
func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && plain(text, maxURL) && u.User == nil && !strings.Contains(text, "#") && isSafe(u)
}

// isSafe reports whether nobody can listen in on the way to a URL.
func isSafe(u *url.URL) bool {
	host := u.Hostname()
	return host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(host))
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// hostName is a name as browsers spell it: lower-case, international ones in
// their ASCII form.
var hostName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// isOrigin reports whether a browser could send this as the origin of a page
// that may be believed.
func isOrigin(text string) bool {
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

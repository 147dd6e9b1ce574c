package projects

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"playtoken/platforms"
	"playtoken/secret"
)

const (
	maxSetting    = 2 << 10 // bytes
	maxTTL        = 24 * time.Hour
	maxSeconds    = 10 * 365 * 24 * 3600 // far beyond reason, far below overflow
	maxPerMinute  = 1_000_000
	maxClaims     = 20
	maxClaimName  = 64 // characters
	maxKeyBudget  = 1000
	maxOrigins    = 50
	maxIssuers    = 10
	maxAudiences  = 10
	maxAudience   = 255 // bytes
	maxURL        = 2 << 10
	maxRule       = 4 << 10 // bytes
	maxHookTime   = 10      // seconds
	maxHookSecret = 256
)

// registered are the claims that are ours to set (RFC 7519, section 4.1).
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

var scopes = []Scope{ScopeMint, ScopeKeys, ScopeRead}

// check refuses a project that could not be opened, or obeyed. What the
// environment says of the project default was checked when we started.
func (s *Store) check(p Project) error {
	var f findings
	problem := nameProblem(p.Name)
	f.refuse(problem != "", "name", "%s", problem)
	f.tokens(p.TokenPolicy)
	f.viewers(p.ViewerPolicy)
	f.webhookSecret(p.ViewerPolicy.Webhook != nil, p.WebhookSecret.Reveal())
	if p.ID != Default {
		f.account(s.kinds, p)
		f.rotation(p.RotationPolicy)
	}
	if len(f) > 0 {
		return f.err() // what follows believes that each value is sane
	}
	if p.ID != Default {
		f.together(s, p)
	}
	if s.CheckViewers != nil {
		f = append(f, s.CheckViewers(p.ViewerPolicy)...)
	}
	return f.err()
}

// checkUpdate refuses an update of was to p, and fills in what p leaves out.
func (s *Store) checkUpdate(was Project, p *Project) error {
	if was.ID == Default {
		if err := checkEnvironment(was, *p); err != nil {
			return err
		}
	}
	var f findings
	f.refuse(p.Platform != was.Platform, "platform", "cannot change: make another project")
	for _, m := range s.kinds[was.Platform].Settings {
		f.refuse(m.Receives && p.Settings[m.Name] != was.Settings[m.Name] && p.Credential == nil, "platform_credential",
			"wanted along with a new platform_settings.%s: it is where the credential is sent", m.Name)
	}
	if len(f) > 0 {
		return f.err()
	}
	if p.Credential == nil {
		p.Credential = maps.Clone(was.Credential)
	}
	return s.check(*p)
}

// account holds settings and credential against what the platform has, and
// opens it.
func (f *findings) account(kinds Kinds, p Project) {
	kind, ok := kinds[p.Platform]
	if !ok {
		f.refuse(true, "platform", "want one of %s", strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		return
	}
	before := len(*f)
	f.members("platform_settings", p.Platform, kind.Settings, p.Settings)
	f.members("platform_credential", p.Platform, kind.Credentials, revealed(p.Credential))
	if len(*f) > before {
		return
	}
	if _, err := kind.Open(p.account()); err != nil {
		f.refuse(true, "platform_settings", "%s", cleaned(err.Error(), p.Credential))
	}
}

// members refuses what a platform does not have, and misses what it needs. It
// does not repeat what it was given: people mistake names for values.
func (f *findings) members(field, platform string, known []platforms.Member, given map[string]string) {
	var names []string
	for _, m := range known {
		names = append(names, m.Name)
		value, there := given[m.Name]
		at := field + "." + m.Name
		f.refuse(m.Required && value == "", at, "is needed: %s", m.Meaning)
		f.refuse(there && value != "" && !plain(value, maxSetting), at, "want at most %d bytes without space or control characters", maxSetting)
	}
	for name := range given {
		if !slices.Contains(names, name) {
			f.refuse(true, field, "%s has %s, and nothing else", platform, strings.Join(names, ", "))
			return
		}
	}
}

func revealed(values map[string]secret.Value) map[string]string {
	all := map[string]string{}
	for name, value := range values {
		all[name] = value.Reveal()
	}
	return all
}

// cleaned is an error's text, which ought not to show a credential, without
// any.
func cleaned(text string, credential map[string]secret.Value) string {
	for _, value := range credential {
		if !value.IsZero() {
			text = strings.ReplaceAll(text, value.Reveal(), value.String())
		}
	}
	return text
}

func (f *findings) tokens(t TokenPolicy) {
	for name, seconds := range map[string]int64{"default_ttl": t.DefaultTTL, "max_ttl": t.MaxTTL} {
		f.refuse(seconds < 0 || seconds > int64(maxTTL/time.Second), "token_policy."+name, "want 0 to %d seconds", maxTTL/time.Second)
	}
	for name, n := range map[string]int{"mints_per_minute": t.MintsPerMinute, "management_per_minute": t.ManagementPerMinute} {
		f.refuse(n < 0 || n > maxPerMinute, "token_policy."+name, "want 0 to %d", maxPerMinute)
	}
	const at = "token_policy.allowed_claims"
	f.refuse(len(t.AllowedClaims) > maxClaims, at, "at most %d", maxClaims)
	for i, name := range t.AllowedClaims {
		f.refuse(!plain(name, 4*maxClaimName) || len([]rune(name)) > maxClaimName, at, "want names of 1 to %d characters without space", maxClaimName)
		f.refuse(slices.Contains(registered, name), at, "%q is not for callers to set", name)
		f.refuse(slices.Contains(t.AllowedClaims[:i], name), at, "a name is there twice")
	}
}

func (f *findings) rotation(r RotationPolicy) {
	for name, seconds := range map[string]int64{"rotate_every": r.RotateEvery, "propagation_delay": r.PropagationDelay} {
		f.refuse(seconds < 0 || seconds > maxSeconds, "rotation_policy."+name, "want 0 to %d seconds", maxSeconds)
	}
	f.refuse(r.KeyBudget < 0 || r.KeyBudget > maxKeyBudget, "rotation_policy.key_budget", "want 0 to %d", maxKeyBudget)
}

// together holds policies that are sane by themselves against each other, and
// against what the deployment fills in.
func (f *findings) together(s *Store, p Project) {
	own := p.TokenPolicy
	if s.InForce == nil {
		f.refuse(own.MaxTTL > 0 && own.DefaultTTL > own.MaxTTL, "token_policy.default_ttl", "want at most max_ttl, %d", own.MaxTTL)
		return
	}
	tokens, rotation := s.InForce(p)
	longest := int64(tokens.MaxTTL / time.Second)
	f.refuse(own.DefaultTTL > longest, "token_policy.default_ttl", "want at most max_ttl, %d", longest)
	if err := tokens.Validate(); err != nil {
		f.refuse(own.DefaultTTL <= longest, "token_policy", "%v", err)
	}
	if err := rotation.Validate(); err != nil {
		f.refuse(true, "rotation_policy", "%v", err)
	}
}

// checkAPIKey refuses an API key that could do nothing, or has no good name.
func checkAPIKey(k APIKey) error {
	var f findings
	problem := nameProblem(k.Name)
	f.refuse(problem != "", "name", "%s", problem)
	f.refuse(len(k.Scopes) == 0, "scopes", "want at least one of %s", fmt.Sprint(scopes))
	for i, scope := range k.Scopes {
		f.refuse(!slices.Contains(scopes, scope), "scopes", "want some of %s", fmt.Sprint(scopes))
		f.refuse(slices.Contains(k.Scopes[:i], scope), "scopes", "one is there twice")
	}
	return f.err()
}

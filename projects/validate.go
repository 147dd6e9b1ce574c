package projects

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"playtoken/platforms"
	"playtoken/secret"
)

const (
	maxSetting    = 2 << 10 // bytes
	maxTTL        = 24 * time.Hour
	maxSeconds    = 10 * 365 * 24 * 3600 // longer than any useful value, far from overflow
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
	maxPolicies   = 100
	maxPolicy     = 128 // bytes
	maxHookSecret = 256

	maxDescription = 500 // bytes
)

// registered are the claims that callers may not set (RFC 7519, section 4.1).
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

var scopes = []Scope{ScopeMint, ScopeKeys, ScopeRead}

// check refuses a project that could not be opened or whose policies contradict
// each other. The default project's environment was checked at the start.
func (s *Store) check(p Project) error {
	var f findings
	problem := nameProblem(p.Name)
	f.refuse(problem != "", "name", "%s", problem)
	f.tokens(p.TokenPolicy)
	f.viewers(p.ViewerPolicy)
	f.webhookSecret(p.ViewerPolicy.Webhook != nil, p.WebhookSecret.Reveal())
	if p.ID != Default {
		f.rotation(p.RotationPolicy)
		if kind, opened, ok := f.account(s.kinds, p); ok {
			f.keys(kind, opened, p.RotationPolicy)
		}
	}
	if len(f) > 0 {
		return f.err() // the following checks assume that each value is valid
	}
	if p.ID != Default {
		f.together(s, p)
	}
	if s.CheckViewers != nil {
		f = append(f, s.CheckViewers(p.ViewerPolicy)...)
	}
	return f.err()
}

// checkUpdate refuses an invalid update of was to p, and keeps the credential if p
// has none.
func (s *Store) checkUpdate(was Project, p *Project) error {
	if was.ID == Default {
		if err := checkEnvironment(was, *p); err != nil {
			return err
		}
	}
	var f findings
	moves := p.Platform != was.Platform
	may := !moves || slices.Contains(s.kinds[p.Platform].Succeeds, was.Platform)
	f.refuse(!may, "platform", "cannot be changed to that one: create another project")
	f.refuse(may && moves && p.Credential == nil, "platform_credential", "is required with another platform, because it is sent there")
	for _, m := range s.kinds[was.Platform].Settings {
		f.refuse(!moves && m.Receives && p.Settings[m.Name] != was.Settings[m.Name] && p.Credential == nil, "platform_credential",
			"is required with a new platform_settings.%s, because the credential is sent to that address", m.Name)
	}
	if len(f) > 0 {
		return f.err()
	}
	if p.Credential == nil {
		p.Credential = maps.Clone(was.Credential)
	}
	return s.check(*p)
}

// account checks settings and credential against the platform's members, and opens
// the platform, if it can be opened.
func (f *findings) account(kinds Kinds, p Project) (platforms.Kind, platforms.Platform, bool) {
	kind, ok := kinds[p.Platform]
	if !ok {
		f.refuse(true, "platform", "must be one of %s", strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		return platforms.Kind{}, platforms.Platform{}, false
	}
	before := len(*f)
	f.members("platform_settings", p.Platform, kind.Settings, p.Settings)
	f.members("platform_credential", p.Platform, kind.Credentials, revealed(p.Credential))
	if len(*f) > before {
		return platforms.Kind{}, platforms.Platform{}, false
	}
	opened, err := kind.Open(p.account())
	if err != nil {
		f.refuse(true, "platform_settings", "%s", cleaned(err.Error(), p.Credential))
	}
	return kind, opened, err == nil
}

// keys refuses keys that the account does not take.
func (f *findings) keys(kind platforms.Kind, opened platforms.Platform, r RotationPolicy) {
	if err := kind.CheckKeyKind(opened, r.KeyKind); err != nil {
		f.refuse(true, "rotation_policy.key_kind", "%s", err)
	}
	most := kind.Offers.MaxKeys
	f.refuse(most > 0 && r.KeyBudget > most, "rotation_policy.key_budget", "must be at most %d: platform %s holds no more keys", most, kind.Name)
}

// members refuses unknown members and reports missing ones. It does not repeat
// given names, because a caller can confuse names and values.
func (f *findings) members(field, platform string, known []platforms.Member, given map[string]string) {
	var names []string
	for _, m := range known {
		names = append(names, m.Name)
		value, there := given[m.Name]
		at := field + "." + m.Name
		f.refuse(m.Required && value == "", at, "is required: %s", m.Meaning)
		f.refuse(there && value != "" && !plain(value, maxSetting), at, "must have at most %d bytes, without space or control characters", maxSetting)
	}
	for name := range given {
		if !slices.Contains(names, name) {
			f.refuse(true, field, "has an unknown member: %s has only %s", platform, strings.Join(names, ", "))
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

// cleaned is an error's text with every credential replaced. An error should not
// contain one; this makes sure.
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
		f.refuse(seconds < 0 || seconds > int64(maxTTL/time.Second), "token_policy."+name, "must be 0 to %d seconds", maxTTL/time.Second)
	}
	for name, n := range map[string]int{
		"mints_per_minute": t.MintsPerMinute, "management_per_minute": t.ManagementPerMinute,
	} {
		f.refuse(n < 0 || n > maxPerMinute, "token_policy."+name, "must be 0 to %d", maxPerMinute)
	}
	if n := t.ViewerMintsPerMinute; n != nil {
		f.refuse(*n < 0 || *n > maxPerMinute, "token_policy.viewer_mints_per_minute", "must be 0 to %d", maxPerMinute)
	}
	const at = "token_policy.allowed_claims"
	f.refuse(len(t.AllowedClaims) > maxClaims, at, "must have at most %d names", maxClaims)
	for i, name := range t.AllowedClaims {
		f.refuse(!plain(name, 4*maxClaimName) || len([]rune(name)) > maxClaimName, at, "must have names of 1 to %d characters without space", maxClaimName)
		f.refuse(slices.Contains(registered, name), at, "%q is set by the service: remove it", name)
		f.refuse(slices.Contains(t.AllowedClaims[:i], name), at, "has a name twice: remove one")
	}
}

func (f *findings) rotation(r RotationPolicy) {
	for name, seconds := range map[string]int64{"rotate_every": r.RotateEvery, "propagation_delay": r.PropagationDelay} {
		f.refuse(seconds < 0 || seconds > maxSeconds, "rotation_policy."+name, "must be 0 to %d seconds", maxSeconds)
	}
	f.refuse(r.KeyBudget < 0 || r.KeyBudget > maxKeyBudget, "rotation_policy.key_budget", "must be 0 to %d", maxKeyBudget)
}

// together checks valid policies against each other and against the deployment's
// defaults.
func (f *findings) together(s *Store, p Project) {
	own := p.TokenPolicy
	if s.InForce == nil {
		f.refuse(own.MaxTTL > 0 && own.DefaultTTL > own.MaxTTL, "token_policy.default_ttl", "must be at most max_ttl, %d", own.MaxTTL)
		return
	}
	tokens, rotation := s.InForce(p)
	longest := int64(tokens.MaxTTL / time.Second)
	f.refuse(own.DefaultTTL > longest, "token_policy.default_ttl", "must be at most max_ttl, %d", longest)
	if err := tokens.Validate(); err != nil {
		f.refuse(own.DefaultTTL <= longest, "token_policy", "%v", err)
	}
	if err := rotation.Validate(); err != nil {
		f.refuse(true, "rotation_policy", "%v", err)
	}
}

// checkAPIKey refuses an API key with an invalid name, invalid scopes or bounds. An
// end that it had before may have passed.
func checkAPIKey(k APIKey, ended *time.Time, now time.Time) error {
	var f findings
	problem := nameProblem(k.Name)
	f.refuse(problem != "", "name", "%s", problem)
	f.refuse(len(k.Scopes) == 0, "scopes", "must have at least one of %s", fmt.Sprint(scopes))
	for i, scope := range k.Scopes {
		f.refuse(!slices.Contains(scopes, scope), "scopes", "must be among %s", fmt.Sprint(scopes))
		f.refuse(slices.Contains(k.Scopes[:i], scope), "scopes", "has a scope twice: remove one")
	}
	f.refuse(len(k.Description) > maxDescription || !utf8.ValidString(k.Description) || strings.ContainsFunc(k.Description, hidden),
		"description", "must have at most %d bytes of UTF-8, none of them control characters", maxDescription)
	if end := k.Bounds.ExpiresAt; end == nil || ended == nil || !end.Equal(*ended) {
		f.end(end, now)
	}
	f.bounds(k.Bounds)
	return f.err()
}

package projects

import (
	"cmp"
	"time"

	"playtoken/platforms"
	"playtoken/secret"
	"playtoken/store"
)

// Project is one account or site on one platform, with its own policies. Durations
// are whole seconds in JSON; 0, or an absent member, means the deployment's
// default.
type Project struct {
	ID             string            `json:"project_id"`
	Name           string            `json:"name"`
	Platform       string            `json:"platform"`          // a platforms.Kind's name; changes only to one that Succeeds it
	Settings       map[string]string `json:"platform_settings"` // by the Kind's Settings
	TokenPolicy    TokenPolicy       `json:"token_policy"`
	RotationPolicy RotationPolicy    `json:"rotation_policy"`
	ViewerPolicy   ViewerPolicy      `json:"viewer_policy"`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`

	// Credential is by the Kind's Credentials, and WebhookSecret signs requests
	// to Webhook. They are stored and never shown.
	Credential    map[string]secret.Value `json:"-"`
	WebhookSecret secret.Value            `json:"-"`

	// Version is the stored document's; 0 for a project that was never stored.
	Version int64 `json:"-"`
}

// TokenPolicy bounds the tokens of a project, and the rates of its callers.
type TokenPolicy struct {
	DefaultTTL     int64    `json:"default_ttl"` // seconds
	MaxTTL         int64    `json:"max_ttl"`     // seconds
	AllowAllVideos bool     `json:"allow_all_videos"`
	AllowedClaims  []string `json:"allowed_claims"`
	// MintsPerMinute is for each API key, and for each viewer where
	// ViewerMintsPerMinute is nil; 0 is no limit for API keys.
	MintsPerMinute int `json:"mints_per_minute"`
	// ViewerMintsPerMinute is for each viewer who calls with their own token; 0
	// is no limit, nil is MintsPerMinute if that is set, or else
	// DefaultViewerMints.
	ViewerMintsPerMinute *int `json:"viewer_mints_per_minute,omitzero"`
	// ManagementPerMinute is for each API key on all other routes; 0 is 60.
	ManagementPerMinute int `json:"management_per_minute"`
	// AuditMints records every mint in the audit log.
	AuditMints bool `json:"audit_mints"`
}

// DefaultViewerMints is the limit of viewers in projects that set none.
const DefaultViewerMints = 60

// ViewerMints is the limit of each viewer, per minute; 0 is no limit.
func (t TokenPolicy) ViewerMints() int {
	if t.ViewerMintsPerMinute == nil {
		return cmp.Or(t.MintsPerMinute, DefaultViewerMints)
	}
	return *t.ViewerMintsPerMinute
}

// RotationPolicy is a project's own part of the rotation policy.
type RotationPolicy struct {
	RotateEvery      int64 `json:"rotate_every"`      // seconds
	PropagationDelay int64 `json:"propagation_delay"` // seconds
	KeyBudget        int   `json:"key_budget"`
	// KeyKind is the kind of key that the next rotation makes; a store's name of it.
	KeyKind store.Kind `json:"key_kind,omitzero"`
}

// ViewerPolicy says which viewers may mint for themselves, from which pages, and
// how it is decided whether a viewer may watch.
type ViewerPolicy struct {
	Issuers []Issuer `json:"issuers"`
	// Origins are the origins of pages that may call from a browser, exactly as
	// browsers send them ("https://www.example.com").
	Origins []string `json:"origins"`
	// Rule is a CEL expression that must be true for every mint of the project,
	// for any caller; empty: no rule.
	Rule    string   `json:"rule"`
	Webhook *Webhook `json:"webhook"` // called after the rule; null: no webhook
	// DRMPolicies are those that viewers may ask for with their own token; empty:
	// all.
	DRMPolicies []string `json:"drm_policies,omitzero"`
}

// Issuer is an OpenID provider whose tokens identify viewers.
type Issuer struct {
	URL       string   `json:"issuer"`
	Audiences []string `json:"audiences"` // at least one
}

// Webhook decides whether a viewer may watch.
type Webhook struct {
	URL     string `json:"url"`
	Timeout int64  `json:"timeout"` // seconds, 1 to 10; 0 is 3
}

// APIKey is an API key without its value.
type APIKey struct {
	ID          string     `json:"api_key_id"`
	ProjectID   string     `json:"project_id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Scopes      []Scope    `json:"scopes"`
	Bounds      Bounds     `json:",embed"`
	CreatedAt   time.Time  `json:"created_at"`
	LastUsedAt  *time.Time `json:"last_used_at"` // up to about a minute before the last use, of the key or a token of it; null: no use was stored

	// TokensEnded counts how often all tokens of the key were ended; those of a
	// smaller count are over.
	TokensEnded int64 `json:"-"`
	Version     int64 `json:"-"`
}

// Caller is the key's caller, with at most these scopes.
func (k APIKey) Caller(scopes []Scope) Caller {
	return Caller{ID: k.ID, ProjectID: k.ProjectID, Scopes: scopes, Bounds: k.Bounds}
}

// AdminKey is the key of a named operator, without its value.
type AdminKey struct {
	ID         string     `json:"admin_key_id"`
	Name       string     `json:"name"`
	Role       Role       `json:"role"`
	ExpiresAt  *time.Time `json:"expires_at"`   // null: never
	CreatedAt  *time.Time `json:"created_at"`   // null: the environment sets this key
	LastUsedAt *time.Time `json:"last_used_at"` // as of an API key

	Version int64 `json:"-"`
}

// NewAdminKey is a new admin key. Its value is shown only once.
type NewAdminKey struct {
	AdminKey
	Value secret.Value
}

// NewAPIKey is a new API key. Its value is shown only once.
type NewAPIKey struct {
	APIKey
	Value secret.Value
}

// Page says which page of a list is asked for.
type Page struct {
	Size   int    // 1 to 100; 0 is 20
	Number int    // from 1; ignored with a Cursor
	Name   string // only rows whose name contains this, in any case
	SortBy string // "created_at" (or empty) or "name"
	Desc   bool
	Cursor string // from List.Next or List.Previous; empty: the first page
}

// List is one page of a list.
type List[Row any] struct {
	Items          []Row
	Number         int    // of this page, from 1
	Next, Previous string // cursors; empty if there is no such page
}

// Kinds are the platforms that projects may be on, by name.
type Kinds map[string]platforms.Kind

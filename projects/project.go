package projects

import (
	"time"

	"playtoken/platforms"
	"playtoken/secret"
)

// Project is one account or site on one platform, with its own policies.
// Durations are whole seconds in JSON, and 0 (or an absent member) is the
// deployment's own setting.
type Project struct {
	ID             string            `json:"project_id"`
	Name           string            `json:"name"`
	Platform       string            `json:"platform"`          // a platforms.Kind's name; never changes
	Settings       map[string]string `json:"platform_settings"` // by the Kind's Settings
	TokenPolicy    TokenPolicy       `json:"token_policy"`
	RotationPolicy RotationPolicy    `json:"rotation_policy"`
	ViewerPolicy   ViewerPolicy      `json:"viewer_policy"`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`

	// Credential is by the Kind's Credentials, and WebhookSecret signs what
	// Webhook is sent. They are stored, and never shown.
	Credential    map[string]secret.Value `json:"-"`
	WebhookSecret secret.Value            `json:"-"`

	// Version is that of the stored document; 0 for a project that was never
	// stored.
	Version int64 `json:"-"`
}

// TokenPolicy bounds what a project's callers may ask for.
type TokenPolicy struct {
	DefaultTTL     int64    `json:"default_ttl"` // seconds
	MaxTTL         int64    `json:"max_ttl"`     // seconds
	AllowAllVideos bool     `json:"allow_all_videos"`
	AllowedClaims  []string `json:"allowed_claims"`
	// MintsPerMinute is for each API key and each viewer; 0 is no limit.
	MintsPerMinute int `json:"mints_per_minute"`
	// ManagementPerMinute is for each API key on all other routes; 0 is 60.
	ManagementPerMinute int `json:"management_per_minute"`
	// AuditMints puts every mint on record, too.
	AuditMints bool `json:"audit_mints"`
}

// RotationPolicy is what the project asks of its rotation.
type RotationPolicy struct {
	RotateEvery      int64 `json:"rotate_every"`      // seconds
	PropagationDelay int64 `json:"propagation_delay"` // seconds
	KeyBudget        int   `json:"key_budget"`
}

// ViewerPolicy says which viewers may mint for themselves, from where, and
// who decides whether they may watch.
type ViewerPolicy struct {
	Issuers []Issuer `json:"issuers"`
	// Origins are of pages that may call from a browser, exactly as browsers
	// send them ("https://www.example.com").
	Origins []string `json:"origins"`
	// Rule is a CEL expression that has to be true; empty: nothing to ask.
	// It is asked about every mint of the project, whoever the caller is.
	Rule    string   `json:"rule"`
	Webhook *Webhook `json:"webhook"` // asked after the rule; null: nobody
}

// Issuer is an OpenID provider whose viewers may come.
type Issuer struct {
	URL       string   `json:"issuer"`
	Audiences []string `json:"audiences"` // at least one
}

// Webhook is asked whether a viewer may watch.
type Webhook struct {
	URL     string `json:"url"`
	Timeout int64  `json:"timeout"` // seconds, 1 to 10; 0 is 3
}

// APIKey is what a caller of ours presents, without its value.
type APIKey struct {
	ID         string     `json:"api_key_id"`
	ProjectID  string     `json:"project_id"`
	Name       string     `json:"name"`
	Scopes     []Scope    `json:"scopes"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"` // to the minute or so; null: never

	Version int64 `json:"-"`
}

// NewAPIKey is an API key that was just made. Its value is shown this once.
type NewAPIKey struct {
	APIKey
	Value secret.Value
}

// Page asks for a part of a list.
type Page struct {
	Size   int    // 1 to 100; 0 is 20
	Number int    // from 1; with a Cursor it does not count
	Name   string // only rows whose name contains this, whatever the case
	SortBy string // "created_at" (or empty) or "name"
	Desc   bool
	Cursor string // from List.Next or List.Previous; empty: the first page
}

// List is a part of a list.
type List[Row any] struct {
	Items          []Row
	Number         int    // of this page, from 1
	Next, Previous string // cursors; empty: there is no such page
}

// Kinds are the platforms that projects may be on, by name.
type Kinds map[string]platforms.Kind

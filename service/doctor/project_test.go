package doctor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/secret"
	"playtoken/service"
)

func TestACredentialThatExpiresIsAProblemAWeekBefore(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		in   time.Duration // until it expires; 0: never
		want bool
	}{{0, false}, {30 * day, false}, {6 * day, true}, {-time.Hour, true}} {
		var health platforms.Health
		if tt.in != 0 {
			health.ExpiresAt = time.Now().Add(tt.in)
		}
		e := projectExamination{tenant: &service.Tenant{}, kind: platforms.Kind{Credentials: []platforms.Member{{Name: "api_key"}}}}
		e.tenant.Project.ID = "project_x"
		found := e.credentialLasts(health)
		if got := len(found) == 1; got != tt.want {
			t.Errorf("a credential that expires in %s: got the findings %+v, want a problem %t", tt.in, found, tt.want)
			continue
		}
		if tt.want && (found[0].Code != CredentialExpires || found[0].ProjectID != "project_x" || found[0].Data.Credential != "api_key") {
			t.Errorf("a credential that expires in %s: got %+v, want %s of project_x and its api_key", tt.in, found[0], CredentialExpires)
		}
	}
}

func TestFewCallsLeftAreAProblem(t *testing.T) {
	for remaining, want := range map[int]Code{60: CallsLeft, 6: CallsLeft, 5: CallsNearlyUsedUp, 0: CallsNearlyUsedUp} {
		e := projectExamination{tenant: &service.Tenant{}}
		found := e.credentialLasts(platforms.Health{Limit: 60, Remaining: remaining, Window: time.Minute})
		if len(found) != 1 || found[0].Code != want {
			t.Errorf("%d of 60 calls left: got %+v, want %s", remaining, found, want)
		}
	}
}

func TestAKeyThatAppearedIsShownWithItsNameAndTime(t *testing.T) {
	e := projectExamination{tenant: &service.Tenant{}}
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		finding keyrotation.Finding
		want    string
	}{
		{keyrotation.Finding{Code: keyrotation.KeyForeign, KeyID: "k1", Name: "from a laptop", RegisteredAt: at, Meaning: "not ours"},
			`key k1 "from a laptop", registered at 2030-01-02T03:04:05Z: not ours`},
		{keyrotation.Finding{Code: keyrotation.KeyForeign, KeyID: "k1", Meaning: "not ours"}, "key k1: not ours"},
		{keyrotation.Finding{Code: keyrotation.KeyMissing, Meaning: "gone"}, "key -: gone"},
	} {
		if got := e.difference(c.finding); got.Detail != c.want || got.Code != differences[c.finding.Code] {
			t.Errorf("%+v: got %s %q, want %s %q", c.finding, got.Code, got.Detail, differences[c.finding.Code], c.want)
		}
	}
}

func TestAShortWebhookSecretIsAProblem(t *testing.T) {
	for length, want := range map[int]bool{0: false, 31: true, 32: false} {
		e := projectExamination{tenant: &service.Tenant{}}
		e.tenant.Project.WebhookSecret = secret.New(strings.Repeat("s", length))
		found := e.issuers(t.Context())
		if got := len(found) == 1 && found[0].Code == WebhookSecretShort; got != want {
			t.Errorf("a webhook secret of %d characters: got %+v, want a problem %t", length, found, want)
		}
	}
}

func TestAShortStorePasswordIsAProblem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for length, want := range map[int]bool{15: true, 16: false} {
		d := examination{service: &service.Service{}}
		d.service.Settings.StoreFile, d.service.Settings.StorePassword = path, secret.New(strings.Repeat("p", length))
		short := slices.ContainsFunc(d.file(), func(f Finding) bool { return f.Code == StorePasswordShort })
		if short != want {
			t.Errorf("a store password of %d characters: got the problem %t, want %t", length, short, want)
		}
	}
}

// What makes the gate refuse the credential of a project is, as a rule, that the
// project takes it for Vidbeo.
func TestAPlatformOfAnotherKindIsFoundAlsoWhereItRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		check error
		kind  string
		want  []Code
	}{
		"answers":                   {nil, "gate", []Code{PlatformAnswers, PlatformKindWrong}},
		"refuses the credential":    {keyrotation.ErrUnauthorized, "gate", []Code{PlatformRefusesCredential, PlatformKindWrong}},
		"throttles":                 {keyrotation.ErrThrottled, "gate", []Code{PlatformThrottles, PlatformKindWrong}},
		"refuses, of the right one": {keyrotation.ErrUnauthorized, "", []Code{PlatformRefusesCredential}},
	} {
		e := projectExamination{tenant: &service.Tenant{Platform: platforms.Platform{
			Check:    func(context.Context) (platforms.Health, error) { return platforms.Health{}, c.check },
			Mistaken: func(context.Context) (platforms.Mistake, error) { return platforms.Mistake{Kind: c.kind}, nil },
		}}}
		var got []Code
		for _, f := range e.account(t.Context()) {
			got = append(got, f.Code)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got the findings %v, want %v", name, got, c.want)
		}
	}
}

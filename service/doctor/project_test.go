package doctor

import (
	"testing"
	"time"

	"playtoken/platforms"
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

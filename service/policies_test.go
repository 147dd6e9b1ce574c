package service

import (
	"testing"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/settings"
	"playtoken/store"
)

// TestKeysAreOfAKindThatTheAccountTakes: the project's own, the deployment's, or the
// first that the platform offers.
func TestKeysAreOfAKindThatTheAccountTakes(t *testing.T) {
	t.Parallel()
	p := policies{set: &settings.Settings{Rotation: keyrotation.Policy{KeySpec: keyrotation.KeySpec{Kind: store.RSA3072, Exportable: true}}}}
	every := platforms.Kind{Offers: platforms.Offer{KeyKinds: store.Kinds()}}
	curves := platforms.Kind{Offers: platforms.Offer{KeyKinds: []store.Kind{store.ECDSAP384, store.Ed25519}}}
	for name, c := range map[string]struct {
		own    store.Kind
		kind   platforms.Kind
		opened platforms.Platform
		want   store.Kind
	}{
		"the deployment's":                 {"", every, platforms.Platform{}, store.RSA3072},
		"the project's own":                {store.Ed25519, every, platforms.Platform{}, store.Ed25519},
		"a platform without RSA":           {"", curves, platforms.Platform{}, store.ECDSAP384},
		"an account that takes less":       {"", every, platforms.Platform{KeyKinds: []store.Kind{store.ECDSAP256}}, store.ECDSAP256},
		"no keys of ours":                  {"", platforms.Kind{}, platforms.Platform{}, store.RSA3072},
		"its own, of those without an RSA": {store.Ed25519, curves, platforms.Platform{}, store.Ed25519},
	} {
		project := projects.Project{RotationPolicy: projects.RotationPolicy{KeyKind: c.own}}
		got := p.forPlatform(p.rotation(project), c.kind, c.opened).KeySpec
		if want := (keyrotation.KeySpec{Kind: c.want, Exportable: true}); got != want {
			t.Errorf("%s: got keys that are %s, want %s", name, got, want)
		}
	}
	if got := p.accessKeys().KeySpec.Kind; got != store.RSA3072 {
		t.Errorf("keys of access tokens: got %s, want %s, also where a project has another kind", got, store.RSA3072)
	}
}

// TestNoMoreKeysThanThePlatformHolds: three are the active one, a standby and one that
// retires.
func TestNoMoreKeysThanThePlatformHolds(t *testing.T) {
	t.Parallel()
	p := policies{set: &settings.Settings{Rotation: keyrotation.Policy{KeyBudget: 10}}}
	for name, c := range map[string]struct{ own, most, want int }{
		"the deployment's": {0, 0, 10}, "three": {0, 3, 3}, "its own": {4, 0, 4}, "less than three": {2, 3, 2},
	} {
		project := projects.Project{RotationPolicy: projects.RotationPolicy{KeyBudget: c.own}}
		kind := platforms.Kind{Offers: platforms.Offer{MaxKeys: c.most}}
		if got := p.forPlatform(p.rotation(project), kind, platforms.Platform{}).KeyBudget; got != c.want {
			t.Errorf("%s: got a budget of %d keys, want %d", name, got, c.want)
		}
	}
}

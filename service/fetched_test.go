package service

import (
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/settings"
)

// TestFetchedKeysWaitForTheCacheOfTheirVerifier: and are served without the store for
// as long as PLAYTOKEN_MAX_STALENESS says, though nothing is signed in memory.
func TestFetchedKeysWaitForTheCacheOfTheirVerifier(t *testing.T) {
	t.Parallel()
	p := policies{set: &settings.Settings{MaxStaleness: 20 * time.Minute}}
	for name, c := range map[string]struct {
		opened platforms.Platform
		delay  time.Duration // of the settings
		want   keyrotation.Policy
	}{
		"handed over":                   {platforms.Platform{}, time.Minute, keyrotation.Policy{Durations: keyrotation.Durations{Propagation: time.Minute}}},
		"a cache longer than the delay": {fetching(time.Hour), time.Minute, fetched(time.Hour)},
		"carried by an operator": {platforms.Platform{Carries: true}, time.Minute,
			keyrotation.Policy{Carried: true, Durations: keyrotation.Durations{Propagation: time.Minute}}},
		"a cache as short as can be": {fetching(time.Second), time.Minute, fetched(time.Minute)},
	} {
		got := p.forPlatform(keyrotation.Policy{Durations: keyrotation.Durations{Propagation: c.delay}}, platforms.Kind{}, c.opened)
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func fetching(cache time.Duration) platforms.Platform {
	return platforms.Platform{Fetches: &platforms.Fetching{Cache: cache}}
}

func fetched(delay time.Duration) keyrotation.Policy {
	return keyrotation.Policy{Fetched: true, Durations: keyrotation.Durations{Propagation: delay, Staleness: 20 * time.Minute}}
}

// TestVerifiersKeepTheirKeysWhenAProjectChangesItsWays: those that fetch find the keys
// that were carried; those that have only what is carried would lack the others.
func TestVerifiersKeepTheirKeysWhenAProjectChangesItsWays(t *testing.T) {
	t.Parallel()
	carries := platforms.Platform{Carries: true}
	for name, c := range map[string]struct {
		to     platforms.Platform
		active keyrotation.Key
		shown  bool
	}{
		"still fetched":         {fetching(time.Minute), keyrotation.Key{Published: true}, true},
		"from carried":          {fetching(time.Minute), keyrotation.Key{Carried: true}, true},
		"from a platform's API": {fetching(time.Minute), keyrotation.Key{}, false},
		"still carried":         {carries, keyrotation.Key{Carried: true}, true},
		"from fetched":          {carries, keyrotation.Key{Published: true}, false},
	} {
		if err := stillShown(t.Context(), c.to, c.active); (err == nil) != c.shown {
			t.Errorf("%s: got %v, want it shown: %t", name, err, c.shown)
		}
	}
}

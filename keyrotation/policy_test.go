package keyrotation_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

func TestAPolicyReportsEverythingThatIsWrongAtOnce(t *testing.T) {
	if err := simPolicy().Validate(); err != nil {
		t.Fatalf("a good policy: %v", err)
	}
	bad := simPolicy()
	bad.MaxTTL = 25 * time.Hour
	bad.Durations.ViewAge = 2 * time.Minute
	bad.Durations.Propagation = time.Hour
	bad.Durations.Skew = -1
	bad.KeySpec.Kind = "rsa-1024"
	bad.KeyBudget = 2
	err := bad.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"longest token 25h", "view age 2m", "rotation interval 4m0s: must exceed", "must not be negative", "key kind rsa-1024", "key budget 2"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about %q in:\n%v", want, err)
		}
	}
}

func TestPoliciesAtTheirLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*keyrotation.Policy)
		ok     bool
	}{
		{"as it is", func(*keyrotation.Policy) {}, true},
		{"no interval", func(p *keyrotation.Policy) { p.RotateEvery = 0 }, false},
		{"no longest token", func(p *keyrotation.Policy) { p.MaxTTL = 0 }, false},
		{"no looks", func(p *keyrotation.Policy) { p.ObserveEvery = 0 }, false},
		{"no view age", func(p *keyrotation.Policy) { p.Durations.ViewAge = 0 }, false},
		{"no settle time", func(p *keyrotation.Policy) { p.Durations.Settle = 0 }, false},
		{"no propagation delay", func(p *keyrotation.Policy) { p.Durations.Propagation = 0 }, true},
		{"negative staleness", func(p *keyrotation.Policy) { p.Durations.Staleness = -1 }, false},
		{"negative propagation delay", func(p *keyrotation.Policy) { p.Durations.Propagation = -1 }, false},
		{"tokens of a day", func(p *keyrotation.Policy) { p.MaxTTL, p.RotateEvery = 24*time.Hour, 24*time.Hour }, true},
		{"and longer", func(p *keyrotation.Policy) { p.MaxTTL, p.RotateEvery = 24*time.Hour+1, 24*time.Hour }, false},
		{"a view of a minute", func(p *keyrotation.Policy) { p.Durations.ViewAge = time.Minute }, true},
		{"and older", func(p *keyrotation.Policy) { p.Durations.ViewAge = time.Minute + 1 }, false},
		{"just time to propagate", func(p *keyrotation.Policy) { p.RotateEvery = 50*time.Second + 1 }, true},
		{"and none", func(p *keyrotation.Policy) { p.RotateEvery = 50 * time.Second }, false},
		{"3072 bits", func(p *keyrotation.Policy) { p.KeySpec.Kind = store.RSA3072 }, true},
		{"4096 bits", func(p *keyrotation.Policy) { p.KeySpec.Kind = store.RSA4096 }, true},
		{"8192 bits", func(p *keyrotation.Policy) { p.KeySpec.Kind = "rsa-8192" }, false},
		{"ECDSA", func(p *keyrotation.Policy) { p.KeySpec.Kind = store.ECDSAP384 }, true},
		{"Ed25519", func(p *keyrotation.Policy) { p.KeySpec.Kind = store.Ed25519 }, true},
		{"no kind", func(p *keyrotation.Policy) { p.KeySpec.Kind = "" }, false},
		{"the budget just enough", func(p *keyrotation.Policy) { p.KeyBudget = 3 }, true},
		{"and one less", func(p *keyrotation.Policy) { p.KeyBudget = 2 }, false},
		{"a skew beyond all clocks", func(p *keyrotation.Policy) { p.Durations.Skew = math.MaxInt64 / 2 }, false},
		{"a staleness beyond all outages", func(p *keyrotation.Policy) { p.Durations.Staleness = math.MaxInt64 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := simPolicy()
			tt.change(&p)
			if err := p.Validate(); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestKeysNeededCountsWhoMayStillHaveTokensOut(t *testing.T) {
	for _, tt := range []struct {
		interval time.Duration
		want     int
	}{
		{math.MaxInt64 / 4, 3},
		{overlap + 1, 3},
		{overlap, 3},
		{overlap - 1, 4},
		{overlap / 2, 4},
		{overlap/2 - 1, 5},
		{overlap / 10, 12},
	} {
		p := simPolicy()
		p.RotateEvery = tt.interval
		if got := p.KeysNeeded(); got != tt.want {
			t.Errorf("every %s: %d keys, want %d", tt.interval, got, tt.want)
		}
	}
	p := simPolicy()
	p.Durations.Staleness = time.Hour // memory signing
	if got, want := p.KeysNeeded(), 2+16; got != want {
		t.Errorf("with an hour of staleness: %d keys, want %d", got, want)
	}
}

func TestACallEndsBeforeItSettles(t *testing.T) {
	for settle, want := range map[time.Duration]time.Duration{
		30 * time.Second: 10 * time.Second,
		10 * time.Second: 5 * time.Second,
		time.Second:      time.Second / 2,
	} {
		if got := (keyrotation.Durations{Settle: settle}).CallTimeout(); got != want {
			t.Errorf("settle %s: %s, want %s", settle, got, want)
		}
	}
}

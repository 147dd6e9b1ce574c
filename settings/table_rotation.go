package settings

import "playtoken/keyrotation"

func (s *Settings) rotationRows() []variable {
	p := &s.Rotation
	return []variable{
		{parse: seconds(&s.TokenTTL), Setting: Setting{Name: "PLAYTOKEN_TOKEN_TTL", Default: "10m", UsedBy: byAll,
			Meaning: "Lifetime of a token where the request names none"}},
		{parse: seconds(&p.MaxTTL), field: keyrotation.LongestToken, Setting: Setting{Name: "PLAYTOKEN_TOKEN_MAX_TTL", Default: "1h", UsedBy: byAll,
			Meaning: "The longest lifetime that a request may ask for"}},
		{parse: duration(&p.RotateEvery), field: keyrotation.RotationInterval, Setting: Setting{Name: "PLAYTOKEN_ROTATE_EVERY", Default: "720h", UsedBy: byAll,
			Meaning: "How long a key signs before the next one takes its place"}},
		{parse: duration(&p.ObserveEvery), field: keyrotation.ObservationInterval, Setting: Setting{Name: "PLAYTOKEN_OBSERVE_EVERY", Default: "10m", UsedBy: byAll,
			Meaning: "How often to check that the platform still has our keys"}},
		{parse: duration(&p.Durations.Propagation), field: keyrotation.PropagationDelay, Setting: Setting{Name: "PLAYTOKEN_PROPAGATION_DELAY", Default: "1m", UsedBy: byAll,
			Meaning: "How long the platform may take until all of it accepts a new key"}},
		{parse: duration(&p.Durations.Skew), field: keyrotation.ClockSkew, Setting: Setting{Name: "PLAYTOKEN_CLOCK_SKEW", Default: "1m", UsedBy: byAll,
			Meaning: "How far apart clocks may be"}},
		{parse: duration(&p.Durations.ViewAge), field: keyrotation.ViewAge, Setting: Setting{Name: "PLAYTOKEN_VIEW_AGE", Default: "15s", UsedBy: byAll,
			Meaning: "How old a replica's view of the keys may be, at most 1m"}},
		{parse: duration(&p.Durations.Settle), field: keyrotation.SettleTime, Setting: Setting{Name: "PLAYTOKEN_SETTLE", Default: "30s", UsedBy: byAll,
			Meaning: "After this time, a call to the platform that got no response has arrived or never will, at most 1h"}},
		{parse: rsaBits(&p.KeySpec.Kind), field: keyrotation.KeyKind, Setting: Setting{Name: "PLAYTOKEN_KEY_BITS", Default: "2048", UsedBy: byAll,
			Meaning: "Size of RSA keys where no kind of key is set: 2048, 3072 or 4096"}},
		{parse: number(&p.KeyBudget), field: keyrotation.KeyBudget, Setting: Setting{Name: "PLAYTOKEN_KEY_BUDGET", Default: "10", UsedBy: byAll,
			Meaning: "How many of our keys the platform may hold at once. Durations that need more are refused"}},
		{parse: choice(&p.ReplaceLost, "off", "auto"), Setting: Setting{Name: "PLAYTOKEN_REPLACE_LOST", Default: "off", UsedBy: byAll,
			Meaning: "What to do where the platform lost our keys (finding all_keys_missing, two looks agree). off: an operator decides; auto: new keys replace them"}},
	}
}

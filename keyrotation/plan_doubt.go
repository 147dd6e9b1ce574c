package keyrotation

// The rules in this file compare the ring with an observation.

// doubtKeys: a key that platform or store no longer hold as the ring records it
// must not sign. One observation may be out of date, so it takes two.
func (p *planner) doubtKeys() {
	for _, k := range p.ring.Keys {
		if k.State != Registered && k.State != Active {
			continue
		}
		again := k.DoubtedAt.Add(p.ring.Durations.Settle)
		if p.observation == nil {
			if !k.DoubtedAt.IsZero() && p.after(again, Quarantine, k, "platform or store disagreed at the last look") {
				p.observed("a key is in doubt")
			}
			continue
		}
		reason := p.observation.disagrees(k)
		if !k.LostAt.IsZero() {
			reason = p.observation.compromises(k) // that it is missing is known, and nothing better signs
		}
		switch {
		case reason == "" && !k.DoubtedAt.IsZero():
			p.add(Trust, k, p.now, "platform and store agree again")
		case reason != "" && k.DoubtedAt.IsZero():
			p.add(Doubt, k, p.now, reason)
		case reason != "" && p.after(again, Quarantine, k, reason) && p.observedSince(again, "a key is in doubt"):
			p.add(Quarantine, k, p.now, reason)
		}
	}
}

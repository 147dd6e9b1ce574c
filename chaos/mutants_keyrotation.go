package main

// keyrotationMutants are the guards of a key's life.
var keyrotationMutants = []mutant{
	{name: "a key is activated without waiting for its propagation", file: "keyrotation/plan_activate.go",
		guard: `at, why := p.ring.readyAt(standby), "no key is active"`, broken: `at, why := p.now, "no key is active"`},
	{name: "a key is activated without observing the platform", file: "keyrotation/plan_activate.go",
		guard: `if reason := p.observation.against(standby, p.ring.Durations); reason != "" {`, broken: `if reason := ""; reason != "" {`},
	{name: "a retired key is deleted too early", file: "keyrotation/plan_remove.go",
		guard: `if !p.after(k.DeleteNotBefore, Delete, k, why) || !p.observed("before a key is deleted") {`, broken: `if !p.observed("before a key is deleted") {`},
	{name: "the overlap forgets the longest token", file: "keyrotation/ring.go",
		guard: `max(d.ViewAge, d.Staleness) + maxTTL + 2*d.Skew`, broken: `max(d.ViewAge, d.Staleness) + 2*d.Skew`},
	{name: "the overlap forgets how old a view may be", file: "keyrotation/ring.go",
		guard: `max(d.ViewAge, d.Staleness) + maxTTL + 2*d.Skew`, broken: `maxTTL + 2*d.Skew`},
	{name: "the overlap is counted from the write, not from a read after it", file: "keyrotation/moves.go",
		guard: `k.State, k.RetiredAt, k.DeleteNotBefore = Retiring, now, time.Time{}`, broken: `k.State, k.RetiredAt, k.DeleteNotBefore = Retiring, now, now.Add(time.Second)`},
	{name: "a lost key is deleted though its tokens may be alive", file: "keyrotation/plan_remove.go",
		guard: `case k.DeleteNotBefore.IsZero():
		p.add(Date`, broken: `case false:
		p.add(Date`},
	{name: "a lost key is deleted though it may be the wrong account", file: "keyrotation/plan_remove.go",
		guard: `case !ok || !p.observation.has(active):`, broken: `case false && (!ok || !p.observation.has(active)):`},
	{name: "a key that the platform lost stays in quarantine", file: "keyrotation/plan_remove.go", by: "Follows|LostKey|DueAtNoon",
		guard: `case p.observation == nil || !p.observation.lost(k):`, broken: `case true || p.observation == nil || !p.observation.lost(k):`},
	{name: "a quarantined key that the platform shows is deleted", file: "keyrotation/observation.go", by: "LostKey|DueAtNoon|Lawful",
		guard: `return !there && !again && o.compromises(k) == ""`, broken: `return (true || !there && !again) && o.compromises(k) == ""`},
	{name: "the last usable key is deleted while none is active", file: "keyrotation/plan_remove.go",
		guard: `case !active:`, broken: `case false && !active:`},
	{name: "a key is deleted although the clocks disagree", file: "keyrotation/plan_remove.go",
		guard: `case p.observation.clockOff(p.ring.Durations):
		p.block(Delete, k, ClockApart, p.observation.clockReason())
	case !active:`, broken: `case !active:`},
	{name: "a registration is sent again before it settled", file: "keyrotation/plan_register.go",
		guard: `	if p.now.Before(settled) {`, broken: `	if settled = k.AttemptAt; p.now.Before(settled) {`},
	{name: "a registration whose response was lost is not looked for, only sent again", file: "keyrotation/plan_register.go",
		guard: `case !ok:
		return false
	case k.Issued`, broken: `case !ok || !k.Issued:
		return false
	case k.Issued`},
	{name: "a registration does not look first whether the platform has the key already", file: "keyrotation/plan_register.go",
		guard: `p.observed(fmt.Sprintf("before generation %d is registered", k.Generation)) && `, broken: ``},
	{name: "the intent to register is not written first", file: "keyrotation/moves_register.go",
		guard: `k.State, k.AttemptAt = Registering, p.now()`, broken: `k.State = Registering`},
	{name: "an orphan is deleted after one observation", file: "keyrotation/plan_remove.go",
		guard: `again := later(o.SeenAt, o.DeletingAt).Add(settle)`, broken: `again := later(o.SeenAt, o.DeletingAt).Add(0 * settle)`},
	{name: "another deployment's or a hand-made key is taken for an orphan", file: "keyrotation/plan_remove.go",
		guard: `if k.Fingerprint == "" || k.Fingerprint != shown.Fingerprint {`, broken: `if false {`},
	{name: "a key id is taken for ours although it shows another key", file: "keyrotation/observation.go",
		guard: `return there && match == Different`, broken: `return false && there && match == Different`},
	{name: "a key id is taken for missing that shows what cannot be read", file: "keyrotation/observation.go", by: "Illegible",
		guard: `return there && match != Different`, broken: `return there && match == Same`},
	{name: "a key that cannot be read is activated without an operator", file: "keyrotation/observation.go", by: "Illegible",
		guard: `if o.unconfirmed(k) {`, broken: `if false && o.unconfirmed(k) {`},
	{name: "a revocation activates a standby that no list has shown", file: "keyrotation/revoke.go", by: "Illegible",
		guard: `return standby.sure() })`, broken: `return standby.DoubtedAt.IsZero() })`},
	{name: "what all keys begin with is taken for the whole key", file: "keyrotation/layout.go", by: "WhatIsShown",
		guard: `const enoughBase64 = 64`, broken: `const enoughBase64 = 36`},
	{name: "registering never stops", file: "keyrotation/plan_strays.go", by: "RegisteringStops",
		guard: `case unrecognised >= MaxUnrecognised:`, broken: `case false && unrecognised >= MaxUnrecognised:`},
	{name: "a stray does not count towards the budget", file: "keyrotation/plan_strays.go", by: "ABudgetCountsStrays",
		guard: `live := p.ring.Held()`, broken: `live := p.ring.live()`},
	{name: "a registration is sent while it is unknown whether the one before is a stray", file: "keyrotation/plan_strays.go", by: "RegisteringStops",
		guard: `if p.ring.Unrecognised() == 0 {`, broken: `if true || p.ring.Unrecognised() == 0 {`},
	{name: "another deployment's key is counted as a stray", file: "keyrotation/strays.go", by: "AStranger",
		guard: `return ours || r.isStray(id) || otherNames.MatchString(shown.Name) && !r.named(shown)`, broken: `return ours || r.isStray(id)`},
	{name: "a key that was there before is counted as a stray", file: "keyrotation/strays.go", by: "Registering|Stranger|Lost|Late",
		guard: `if slices.Contains(r.Strangers, id) {`, broken: `if false {`},
	{name: "an operator confirms a key that was there before it was registered", file: "keyrotation/confirm.go", by: "RegisteringGoesOn",
		guard: `case slices.Contains(ring.Strangers, keyID):`, broken: `case false:`},
	{name: "an operator confirms what is legibly another key", file: "keyrotation/confirm.go", by: "RegisteringGoesOn",
		guard: `case k.Match(shown) == Different:`, broken: `case false:`},
	{name: "the wrong account is not noticed", file: "keyrotation/plan_lost.go",
		guard: `return expected > 0`, broken: `return false && expected > 0`},
	{name: "one observation that disagrees is enough for a quarantine", file: "keyrotation/plan_doubt.go",
		guard: `again := k.DoubtedAt.Add(p.ring.Durations.Settle)`, broken: `again := k.DoubtedAt`},
	{name: "a key that the platform lost goes on signing", file: "keyrotation/plan_doubt.go",
		guard: `reason := p.observation.disagrees(k)
		switch {`, broken: `reason := ""
		switch {`},
	{name: "durations of the policy are used before the ring records them", file: "keyrotation/plan.go",
		guard: `if !wide && len(p.ring.Keys) > 0 {`, broken: `if false && !wide {`},
	{name: "the table of states is not consulted", file: "keyrotation/pass.go",
		guard: `if !allowed {`, broken: `if false && !allowed {`},
	{name: "a revocation waits for the record", file: "keyrotation/pass.go",
		guard: `err != nil && !urgent {`, broken: `err != nil || urgent && err != nil {`},
	{name: "an emergency activates a standby that has not propagated", file: "keyrotation/moves.go",
		guard: `ok && !now.Before(r.readyAt(standby)) && fit(standby)`, broken: `ok && fit(standby)`},
	{name: "a revoked key is deleted, and its sessions go on", file: "keyrotation/moves_remove.go",
		guard: `remove = p.rotator.Sessions.DeleteAndEnd`, broken: `remove = p.rotator.Platform.Delete`, by: "Session"},
	{name: "the sessions of a key that was deleted before it was revoked go on", file: "keyrotation/plan_remove.go",
		guard: `p.policy.EndsSessions && k.SessionsEndedAt.IsZero()`, broken: `false`, by: "Session"},
	{name: "an order to end sessions is forgotten with its first failure", file: "keyrotation/sessions.go",
		guard: `if err != nil && !errors.Is(err, ErrRefused) {`, broken: `if false {`, by: "Operator|Order"},
	{name: "an order that is repeated while it is carried out is not carried out again", file: "keyrotation/sessions.go",
		guard: `	r.dropEnds(func(end SessionEnd) bool { return of.All || end.Of == of })
`, broken: `	if r.waits(of) {
		return
	}
`, by: "Order|Operator"},
	{name: "the sessions of a key that may be compromised go on", file: "keyrotation/moves.go",
		guard: `p.observation.compromises(*ring.key(m.Generation)) != ""`, broken: `false`, by: "QuarantinedKeysSessions"},
	{name: "the platform deletes before the private key of a revoked key is gone", file: "keyrotation/plan_remove.go",
		guard: `if atPlatform && (k.Issued || !inStore) {`, broken: `if atPlatform {`},
	{name: "the value of a revoked issued key goes before the platform knows", file: "keyrotation/plan_remove.go",
		guard: `if atPlatform && (k.Issued || !inStore) {`, broken: `if atPlatform && !inStore {`},
	{name: "the value of a revoked issued key waits for the platform", file: "keyrotation/plan_remove.go",
		guard: `if inStore {`, broken: `if inStore && !(atPlatform && k.Issued) {`},
	{name: "an issued key is registered before its value is stored", file: "keyrotation/moves_register.go",
		guard: `err = p.rotator.source().keep(sent, k, made)
	cancel()
	if err != nil {
		return err
	}
	return p.recordRegistration(ctx, ring, k, made.ID)`, broken: `if err = p.recordRegistration(ctx, ring, k, made.ID); err == nil {
		err = p.rotator.source().keep(sent, k, made)
	}
	cancel()
	return err`},
	{name: "the value of an issued key is lost when the caller cancels", file: "keyrotation/moves_register.go",
		guard: `ctx = context.WithoutCancel(ctx)
	sent, cancel = call(ctx, ring)`, broken: `sent, cancel = call(ctx, ring)`},
	{name: "an issued key whose value is lost is adopted", file: "keyrotation/plan_register.go",
		guard: `case k.Issued && !states[k.State].leaving:`, broken: `case false:`},
	{name: "an issued key is asked for twice under one name", file: "keyrotation/plan_register.go",
		guard: `		p.giveUpValue(k, settled)
		return
`, broken: ``},
	{name: "an issued key is given up while its response may still come", file: "keyrotation/plan_register.go",
		guard: `if p.after(settled, Discard, k, valueLost) {`, broken: `if true {`},
	{name: "the name of an issued key is used again", file: "keyrotation/moves_register.go",
		guard: `fmt.Sprintf("playtoken #%d %s", m.Generation, k.StoreName)`, broken: `fmt.Sprintf("playtoken #%d %s", m.Generation, next.StoreID)`},
	{name: "a value is used for another key id", file: "keyrotation/issued.go",
		guard: `d.ID == "" || d.ID != k.KeyID`, broken: `d.ID == ""`},
	{name: "a value that arrives late is stored after its document was destroyed", file: "keyrotation/source.go",
		guard: `return errors.New("store its value: its document was destroyed meanwhile")`,
		broken: `_, err = s.documents.Write(ctx, IssuedName(k.StoreName), made.encode(), 0)
		return err`},
	{name: "a private key is used that was rotated inside the store", file: "keyrotation/source.go",
		guard: ` || stored.Versions != 1 {`, broken: ` {`},
	{name: "a key that can never be made is asked for again and again", file: "keyrotation/moves_register.go",
		guard: `if errors.Is(err, errUnfit) {`, broken: `if false {`},
	{name: "a store that makes other keys is filled with them", file: "keyrotation/moves_register.go",
		guard: `k.State, k.Note = Abandoning, why.Error()
	next.delayRegistration(nil, p.now())`, broken: `k.State, k.Note = Abandoning, why.Error()`},
	{name: "a registration is dated by a clock that was not compared with the store's", file: "keyrotation/moves_observe.go",
		guard: `p.ahead = observation.ClockAhead`, broken: ``},
	{name: "a clock that is behind the ring moves keys", file: "keyrotation/plan.go",
		guard: `if newest := p.ring.newest(); p.now.Add(p.ring.Durations.Skew).Before(newest) {`, broken: `if newest := p.ring.newest(); false {`},
	{name: "a standby of another kind goes before there is a better one", file: "keyrotation/plan_activate.go",
		guard: `p.ring.matches(k) || !ok && !full {`, broken: `p.ring.matches(k) {`},
	{name: "a key of another project may be removed as unmanaged", file: "keyrotation/drift.go",
		guard: `if _, known := projects[shown.ID]; known {`, broken: `if _, known := projects[shown.ID]; false && known {`},
	{name: "a process without the right to rotate changes keys", file: "keyrotation/rotator.go",
		guard: `return r.Permit(ctx)`, broken: `return nil`},
	{name: "a key of ours may be removed as unmanaged", file: "keyrotation/drift.go",
		guard: `ours := ring.owner(shown); ours {`, broken: `ours := ring.owner(shown); false && ours {`},
	{name: "a revoked key does not precede all others", file: "keyrotation/pass.go",
		guard: `if p.urgent > 0 && m.Generation == p.urgent && m.due(now) {`, broken: `if false {`},
	{name: "a key is buried though the platform still shows it", file: "keyrotation/plan_remove.go",
		guard: `if p.observation.has(k) && !p.reused(k) {`, broken: `if false {`},
	{name: "the budget of keys is exceeded", file: "keyrotation/plan_strays.go",
		guard: `case live+more > p.policy.KeyBudget:`, broken: `case false && live+more > p.policy.KeyBudget:`},
}

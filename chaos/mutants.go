package main

// mutants are the guards that keep viewers in and others out, broken in turn.
var mutants = []mutant{
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
	{name: "the last usable key is deleted while none is active", file: "keyrotation/plan_remove.go",
		guard: `case !active:`, broken: `case false && !active:`},
	{name: "a key is deleted although the clocks disagree", file: "keyrotation/plan_remove.go",
		guard: `case p.observation.clockOff(p.ring.Durations):`, broken: `case false:`},
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
		guard: `k.State, k.AttemptAt = Registering, p.now() })`, broken: `k.State = Registering })`},
	{name: "an orphan is deleted after one observation", file: "keyrotation/plan_remove.go",
		guard: `again := later(o.SeenAt, o.DeletingAt).Add(settle)`, broken: `again := later(o.SeenAt, o.DeletingAt).Add(0 * settle)`},
	{name: "another deployment's or a hand-made key is taken for an orphan", file: "keyrotation/plan_remove.go",
		guard: `if k.Fingerprint == "" || k.Fingerprint != shown.Fingerprint {`, broken: `if false {`},
	{name: "a key id is taken for ours although it shows another key", file: "keyrotation/observation.go",
		guard: `return there && shown.Fingerprint == k.Fingerprint`, broken: `return there && shown.ID == k.KeyID`},
	{name: "the wrong account is not noticed", file: "keyrotation/plan_doubt.go",
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
		guard: `if shown, there := p.observation.Platform[k.KeyID]; there && shown.Fingerprint == k.Fingerprint {
		if p.after(`, broken: `if shown, there := p.observation.Platform[k.KeyID]; false && there && shown.Fingerprint == k.Fingerprint {
		if p.after(`},
	{name: "the budget of keys is exceeded", file: "keyrotation/plan_register.go",
		guard: `case live >= p.policy.KeyBudget:`, broken: `case false && live >= p.policy.KeyBudget:`},
	{name: "check-and-set is ignored by the file store", file: "filekeys/documents.go",
		guard: `if current.Version != version {`, broken: `if false && current.Version != version {`},
	{name: "check-and-set is ignored in Vault", file: "vaultkeys/documents.go",
		guard: `w.Options.CAS = cas`, broken: `w.Options.CAS = 0`},
	{name: "a view is used beyond the ring's staleness", file: "signer/staleness.go",
		guard: `held.age(now) <= held.ring.Durations.Staleness &&`, broken: ``},
	{name: "a view is used beyond its age", file: "signer/ringview.go",
		guard: `return w.age(now) <= w.limit`, broken: `return true`},
	{name: "a token may outlive what its key's record permits", file: "signer/jwts.go",
		guard: `life := min(ttl, w.key.MaxTTL).Truncate(time.Second)`, broken: `life := ttl.Truncate(time.Second)`},
	{name: "a signature is released without being verified", file: "signer/signatures.go",
		guard: `if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, id.digest[:], signature); err != nil {`, broken: `if err := error(nil); err != nil || public == nil || crypto.SHA256 == 0 {`},
	{name: "the key version in Vault is not pinned", file: "vaultkeys/sign.go",
		guard: `KeyVersion: 1}`, broken: `KeyVersion: 0}`},
	{name: "a signature by another version of a key in Vault is accepted", file: "vaultkeys/sign.go",
		guard: `if !ok || r.KeyVersion != 1 {`, broken: `if text = r.Signature[strings.LastIndexByte(r.Signature, ':')+1:]; false && !ok {`},
	{name: "a registration without a response is sent again", file: "platforms/client/client.go", noticed: "platforms/vidbeo",
		guard: `resp, err := c.transport.RoundTrip(req)
`, broken: `resp, err := c.transport.RoundTrip(req)
	if err != nil {
		resp, err = c.transport.RoundTrip(req.Clone(ctx))
	}
`},
	{name: "a redirect is followed with the credential", file: "platforms/client/client.go", noticed: "platforms/vidbeo",
		guard: `resp, err := c.transport.RoundTrip(req)
`, broken: `resp, err := (&http.Client{Transport: c.transport}).Do(req)
`},
	{name: "a list that lost a page is trusted", file: "platforms/client/pages.go", noticed: "platforms/vidbeo",
		guard: `if next == nil {`, broken: `if true {`},
	{name: "an expired token still opens a video", file: "gate/verify/verify.go",
		guard: `case !now.Before(t.Expires):`, broken: `case false:`},
	{name: "a token opens another video", file: "gate/verify/verify.go",
		guard: `case t.Subject != "" && t.Subject != "*" && t.Subject != videoID:`, broken: `case false:`},
	{name: "a token of any life is taken", file: "gate/admit.go", by: "TooLong",
		guard: `if t.Expires.After(now.Add(g.config.MaxTokenLife + g.config.ClockSkew)) {`, broken: `if false {`},
	{name: "with a stolen secret a ticket never ends", file: "gate/admit.go", by: "Ticket",
		guard: `case time.Unix(s.expires, 0).After(latest):`, broken: `case time.Unix(s.expires, 0).IsZero() && latest.IsZero():`},
	{name: "a ticket names a key that never was", file: "gate/admit.go", by: "Ticket|Upgrade",
		guard: `case !g.keys.everKnew(s.keyID, s.expires):`, broken: `case false:`},
	{name: "a key file leaves that no playlist names", file: "gate/media.go", by: "Keys|Auth",
		guard: `(!named || g.named.has(p.video, p.file))`, broken: `(!named || true)`},
	{name: "a proxy may serve what the gate refuses", file: "gate/forward.go", by: "Auth",
		guard: `if !g.mayPass(p) {`, broken: `if false {`},
	{name: "a proxy opens a folder that is named as a ticket", file: "gate/forward.go", by: "Auth",
		guard: ` || err == nil && hasTicketPlace(below)`, broken: ``},
	{name: "a ticket goes to another site", file: "gate/playlist/uri.go",
		guard: `return true, r.Host != "" && strings.EqualFold(host, r.Host)`, broken: `return true, true`},
	{name: "a ticket leads out of the video's folder", file: "gate/playlist/uri.go",
		guard: `!slices.Equal(where[:len(r.root)], r.root) {`, broken: `false {`},
	{name: "a ticket below another site's base", file: "gate/playlist/dash.go",
		guard: `rooted && host == "" && m.foreign`, broken: `false`},
	{name: "a playlist's variable holds the token", file: "gate/playlist/variable.go",
		guard: `	if credential(name) {
		return errors`, broken: `	if false {
		return errors`},
	{name: "a refresh token works twice", file: "projects/access/access.go",
		guard: `case family.Counter != token.counter:`, broken: `case false:`},
	{name: "a race for one refresh token ends nothing", file: "projects/access/access.go", by: "Race|Redeem|Once|Lockstep|Refresh",
		guard: `case errors.Is(err, store.ErrConflict): // another request redeems the same token`, broken: `case false:`},
}

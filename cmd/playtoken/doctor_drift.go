package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/vaultkeys"
)

// drift holds ring, store and platform side by side.
func (e patient) drift(ctx context.Context, ring keyrotation.Ring) []finding {
	rotator := *e.rotator
	rotator.OtherOwners = func(_ context.Context, shown []keyrotation.PlatformKey) (map[string]string, error) {
		held, err := e.whose()
		return held.among(shown), err
	}
	drift, err := rotator.Drift(ctx)
	switch {
	case errors.Is(err, vaultkeys.ErrForbidden), errors.Is(err, projects.ErrForbidden):
		return []finding{fine("drift", "cannot be seen with a signer's rights: run doctor where keys are rotated")}
	case err != nil:
		return []finding{wrongWith("drift", err, err.Error(), "make platform and store answer, then playtoken doctor --project "+e.project.ID)}
	}
	findings := e.gone(ring, drift)
	for _, list := range [][]keyrotation.Finding{drift.Orphans, drift.Missing, drift.Mismatched} {
		for _, f := range list {
			findings = append(findings, wrongWith("drift", errors.New("drift"), fmt.Sprintf("key %s: %s", cmp.Or(f.KeyID, "-"), f.Meaning), handlers.DriftRemedy(e.project.ID, f)))
		}
	}
	if len(findings) == 0 {
		findings = append(findings, fine("drift", "ring, store and platform agree: "+census(ring)))
	}
	for _, f := range drift.Unmanaged {
		whose := ""
		if f.Project != "" {
			whose = ", " + f.Project
		}
		findings = append(findings, remark("drift", fmt.Sprintf("key %s: %s%s", f.KeyID, f.Meaning, whose), handlers.DriftRemedy(e.project.ID, f)))
	}
	return findings
}

// census lists the generations that platform and store should have.
func census(ring keyrotation.Ring) string {
	var all []string
	for _, k := range slices.Backward(ring.Keys) {
		if k.State != keyrotation.Deleted {
			all = append(all, fmt.Sprintf("%d %s", k.Generation, k.State))
		}
	}
	return cmp.Or(strings.Join(all, ", "), "no keys yet")
}

// gone explains what one cause makes of many differences: the store is older
// than the platform, or the account is another one.
func (e patient) gone(ring keyrotation.Ring, drift keyrotation.Drift) []finding {
	forgotten := 0
	for _, f := range drift.Unmanaged {
		if f.Code == keyrotation.KeyForgotten {
			forgotten++
		}
	}
	lost := map[int]bool{}
	for _, f := range drift.Missing {
		lost[f.Generation] = true
	}
	standby, active, kept := 0, 0, 0 // generations, and how many of all are there
	for _, k := range ring.Keys {
		switch k.State {
		case keyrotation.Active:
			active = k.Generation
		case keyrotation.Registered:
			standby = k.Generation
		case keyrotation.Retiring:
		default:
			continue
		}
		if !lost[k.Generation] {
			kept++
		}
	}
	switch {
	case forgotten > 0:
		return []finding{wrongWith("restore", errors.New("restore"),
			fmt.Sprintf("the store looks older than the platform, which has %d keys named after this ring (%s) that the ring does not know: "+
				"a backup was put back, or a copy of the store is at work with this account; nothing is deleted because of it, and tokens of those keys play until they expire",
				forgotten, ring.StoreID),
			e.afterRestore(lost[active], lost[standby], kept == 0, active, standby))}
	case kept == 0 && len(lost) > 0:
		return []finding{wrongWith("account", errors.New("account"), "the platform shows none of our keys: the credential is of another account, and nothing is touched there",
			e.credential()+", to the one of the account that has them")}
	}
	return nil
}

// afterRestore is what makes every new token good at once.
func (e patient) afterRestore(activeLost, standbyLost, allLost bool, active, standby int) string {
	const reason = " --reason 'a backup was put back'"
	project := " --project " + e.project.ID
	switch {
	case allLost && standby > 0:
		return fmt.Sprintf("none of the ring's keys is left there; before serve is started: playtoken keys revoke %d%s%s, then the same with %d (only after that can the first be finished), then playtoken rotate%s",
			standby, project, reason, active, project)
	case allLost:
		return fmt.Sprintf("the ring's key is gone there; before serve is started: playtoken keys revoke %d%s%s, then playtoken rotate%s", active, project, reason, project)
	case activeLost && !standbyLost:
		return "the active key is gone there, and the standby is not; before serve is started: playtoken rotate --now" + project + reason
	case activeLost:
		return fmt.Sprintf("active key and standby are gone there; before serve is started: playtoken keys revoke %d%s%s, then the same with %d, then playtoken rotate%s",
			standby, project, reason, active, project)
	}
	return "none needed: the active key is there; when the tokens of the others have expired, remove those as said below"
}

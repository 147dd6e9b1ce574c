package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/vaultkeys"
)

// drift compares ring, store and platform.
func (e projectExamination) drift(ctx context.Context, ring keyrotation.Ring) []Finding {
	rotator := *e.tenant.Rotator
	rotator.OtherOwners = func(_ context.Context, shown []keyrotation.PlatformKey) (map[string]string, error) {
		held, err := e.whose()
		return held.Among(shown), err
	}
	drift, err := rotator.Drift(ctx)
	switch {
	case errors.Is(err, projects.ErrForbidden), errors.Is(err, vaultkeys.ErrForbidden):
		return one(e.found(DriftNotPermitted, "cannot be seen with a signer's rights: examine it where keys are rotated", Data{}))
	case err != nil:
		return one(e.failed(DriftUnknown, err))
	}
	findings := e.gone(ring, drift)
	for _, list := range [][]keyrotation.Finding{drift.Orphans, drift.Missing, drift.Mismatched} {
		for _, f := range list {
			findings = append(findings, e.difference(f))
		}
	}
	if len(findings) == 0 {
		findings = append(findings, e.found(DriftNone, "ring, store and platform agree: "+census(ring), Data{}))
	}
	for _, f := range drift.Unmanaged {
		findings = append(findings, e.difference(f))
	}
	return findings
}

func (e projectExamination) difference(f keyrotation.Finding) Finding {
	detail := "key " + cmp.Or(f.KeyID, "-")
	if f.Name != "" {
		detail += fmt.Sprintf(" %q", f.Name)
	}
	if !f.RegisteredAt.IsZero() {
		detail += ", registered at " + moment(f.RegisteredAt)
	}
	detail += ": " + f.Meaning
	if f.Project != "" {
		detail += ", " + f.Project
	}
	return e.found(differences[f.Code], detail, Data{Key: f})
}

// differences are the codes of what a rotation reports.
var differences = map[keyrotation.FindingCode]Code{
	keyrotation.KeyOrphan:       KeyOrphaned,
	keyrotation.KeyMissing:      KeyMissing,
	keyrotation.KeyMismatched:   KeyMismatched,
	keyrotation.KeyUnconfirmed:  KeyUnconfirmed,
	keyrotation.KeyUnrecognised: KeyUnrecognised,
	keyrotation.KeyForgotten:    KeyForgotten,
	keyrotation.KeyOfProject:    KeyOfOtherProject,
	keyrotation.KeyUnattributed: KeyOwnerUnknown,
	keyrotation.KeyForeign:      KeyUnmanaged,
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
// than the platform, the platform lost its keys, or the account is another one.
func (e projectExamination) gone(ring keyrotation.Ring, drift keyrotation.Drift) []Finding {
	switch restored, old := drift.Restored(ring); {
	case old:
		return one(e.found(Code(restored.Code), fmt.Sprintf(
			"the store looks older than the platform, which has %d keys named after this ring (%s) that the ring does not know: "+
				"a backup was put back, or a copy of the store is in use with this account; nothing is deleted because of it, and tokens of those keys play until they expire",
			restored.Forgotten, ring.StoreID), Data{Generation: restored.Active, Standby: restored.Standby}))
	case !drift.ShowsNone(ring):
		return nil
	}
	if code := Code(ring.LossCode(e.tenant.Rotator.Account)); code == AllKeysMissing {
		return one(e.found(code, "the platform shows none of our keys, and it did with the same credential: it lost them, and refuses every new token", Data{}))
	}
	return one(e.found(AccountWithoutOurKeys,
		"the platform shows none of our keys: the credential is of another account, and nothing is touched there", Data{}))
}

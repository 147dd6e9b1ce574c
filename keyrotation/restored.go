package keyrotation

// Restored says that the store is older than the platform, as after a backup was
// put back, and what is left at the platform of the keys that the ring knows.
type Restored struct {
	Code            TroubleCode
	Active, Standby int // generations; 0: the ring has no such key
	Forgotten       int // keys that are named after the ring, which does not know them
}

// Restored reports whether the store is older than the platform.
func (d *Drift) Restored(ring Ring) (r Restored, old bool) {
	for _, f := range d.Unmanaged {
		if f.Code == KeyForgotten {
			r.Forgotten++
		}
	}
	p := presenceOf(ring, d)
	r.Active, r.Standby, r.Code = p.active, p.standby, p.restored()
	return r, r.Forgotten > 0
}

// ShowsNone reports whether the platform shows none of the ring's keys.
func (d *Drift) ShowsNone(ring Ring) bool {
	p := presenceOf(ring, d)
	return p.shown == 0 && p.missing > 0
}

// presence is which of a ring's keys the platform shows.
type presence struct {
	active, standby         int // generations; 0: the ring has no such key
	activeGone, standbyGone bool
	shown                   int // of the active key, the standby and the retiring keys
	missing                 int // of all keys
}

func presenceOf(ring Ring, drift *Drift) presence {
	lost := map[int]bool{}
	for _, f := range drift.Missing {
		lost[f.Generation] = true
	}
	p := presence{missing: len(lost)}
	for _, k := range ring.Keys {
		if k.replaced() {
			continue
		}
		switch k.State {
		case Active:
			p.active, p.activeGone = k.Generation, lost[k.Generation]
		case Registered:
			p.standby, p.standbyGone = k.Generation, lost[k.Generation]
		case Retiring:
		default:
			continue
		}
		if !lost[k.Generation] {
			p.shown++
		}
	}
	return p
}

// restored is the code of a store that was put back.
func (p presence) restored() TroubleCode {
	switch {
	case p.active == 0 && p.standby == 0: // an operator has revoked what was gone
		return RestoredKeysRevoked
	case p.shown == 0 && p.standby > 0:
		return RestoredAllGone
	case p.shown == 0:
		return RestoredOnlyActiveGone
	case p.activeGone && !p.standbyGone:
		return RestoredActiveGone
	case p.activeGone:
		return RestoredBothGone
	}
	return RestoredActivePresent
}

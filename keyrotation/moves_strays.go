package keyrotation

import (
	"context"
	"slices"
)

// see writes that a list shows the key as ours. So strays that are legibly other
// keys are not ours after all.
func (p *pass) see(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	next.key(m.Generation).Unseen = false
	next.Strays = slices.DeleteFunc(next.Strays, func(s Stray) bool {
		k, known := ring.Key(s.Generation)
		return known && k.Match(p.observation.Platform[s.KeyID]) == Different
	})
	return p.save(ctx, ring, &next)
}

func (p *pass) noteStray(ctx context.Context, ring Ring, m Move) error {
	p.rotator.Log.Warn("the platform took a key that cannot be recognised", "project", p.rotator.Project,
		"generation", m.Generation, "key_id", m.KeyID)
	next := ring.clone()
	next.Strays = append(next.Strays, Stray{KeyID: m.KeyID, Generation: m.Generation, SeenAt: p.now()})
	return p.save(ctx, ring, &next)
}

func (p *pass) forgetStray(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	next.Strays = slices.DeleteFunc(next.Strays, func(s Stray) bool { return s.KeyID == m.KeyID })
	return p.save(ctx, ring, &next)
}

// alarm says once that no more keys are registered.
func (p *pass) alarm(old, next Ring) {
	if n := next.Unrecognised(); n >= MaxUnrecognised && old.Unrecognised() < MaxUnrecognised {
		p.rotator.Log.Error("registering has stopped: the platform took registrations that cannot be recognised in its list; "+
			"confirm or remove them", "project", p.rotator.Project, "unrecognised", n)
	}
}

package client

import (
	"crypto/sha256"
	"sync"
	"weak"

	"playtoken/secret"
)

// Paces has one Pace for each credential of a platform, so that accounts that
// are opened again, or share a credential, share what it is allowed. It keeps
// no unused Pace alive. It is safe for concurrent use and must not
// be copied.
type Paces struct {
	// New makes a Pace.
	New func() *Pace

	mu  sync.Mutex
	all map[[sha256.Size]byte]weak.Pointer[Pace]
}

// sweepAt is the number of credentials from which on unused ones are removed.
const sweepAt = 1024

// For returns the credential's Pace.
func (p *Paces) For(credential secret.Value) *Pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := sha256.Sum256([]byte(credential.Reveal()))
	if pace := p.all[id].Value(); pace != nil {
		return pace
	}
	if p.all == nil {
		p.all = map[[sha256.Size]byte]weak.Pointer[Pace]{}
	}
	if len(p.all) >= sweepAt {
		p.sweep()
	}
	pace := p.New()
	p.all[id] = weak.Make(pace)
	return pace
}

func (p *Paces) sweep() {
	for id, pace := range p.all {
		if pace.Value() == nil {
			delete(p.all, id)
		}
	}
}

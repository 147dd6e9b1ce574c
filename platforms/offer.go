package platforms

import (
	"slices"
	"time"

	"playtoken/store"
)

// Way is how a platform comes to know the keys that it verifies tokens with.
type Way string

// The ways.
const (
	HandedOver Way = "handed_over" // a call to the platform registers our public key
	Issued     Way = "issued"      // the platform makes a key and shows it once
	Fetched    Way = "fetched"     // the platform reads our public keys from an address of ours
	Carried    Way = "carried"     // an operator takes our public key there, and confirms it
	Shared     Way = "shared"      // the platform and we hold the same secret
)

// Ways lists every way.
func Ways() []Way { return []Way{HandedOver, Issued, Fetched, Carried, Shared} }

// Offer is what an account of a kind can do at most. What one account can do, with
// its settings and its credential, is [Platform.Capabilities].
type Offer struct {
	Ways     []Way         // at least one
	KeyKinds []store.Kind  // of signing keys that we make for it; empty: we make none
	MaxKeys  int           // of ours that an account may have; 0: no limit is known
	MaxTTL   time.Duration // of a token; 0: no limit is known

	EndsSessions bool
	URLs         []string // as of a Platform
	Kinds        []string // as of a Platform
}

// Capabilities returns the most that an account can do.
func (o Offer) Capabilities() Capabilities {
	return Capabilities{
		Mints:        true,
		Registers:    slices.Contains(o.Ways, HandedOver),
		Issues:       slices.Contains(o.Ways, Issued),
		EndsSessions: o.EndsSessions,
		URLs:         append([]string{}, o.URLs...),
		Kinds:        append([]string{}, o.Kinds...),
	}
}

package handlers

import (
	"context"
	"maps"
	"slices"
	"time"

	"playtoken/platforms"
	"playtoken/store"
)

// PlatformList is every platform that a project may be on, by name.
type PlatformList struct {
	Items []PlatformKind `json:"items"`
}

// PlatformKind is a platform: what a project says about its account there, and what
// an account can do.
type PlatformKind struct {
	Name         string           `json:"name"`
	Members      []PlatformMember `json:"members"` // settings, then the credential's
	Capabilities KindCapabilities `json:"capabilities"`
	// Succeeds are the platforms whose projects may move to this one, with their keys.
	Succeeds []string `json:"succeeds,omitempty"`
}

// PlatformMember is a member of platform_settings, or, where it is secret, of
// platform_credential.
type PlatformMember struct {
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Secret   bool   `json:"secret"`
	Meaning  string `json:"meaning"`
}

// KindCapabilities is the most that an account can do.
type KindCapabilities struct {
	platforms.Capabilities
	Ways     []platforms.Way `json:"ways"`
	KeyKinds []store.Kind    `json:"key_kinds"`
	MaxKeys  *int            `json:"max_keys"` // null: no limit is known
	MaxTTL   *int64          `json:"max_ttl"`  // seconds; null: no limit is known
}

func (s *server) listPlatforms(context.Context, call, noBody) (PlatformList, error) {
	list := PlatformList{Items: []PlatformKind{}}
	for _, name := range slices.Sorted(maps.Keys(s.Kinds)) {
		list.Items = append(list.Items, newPlatformKind(s.Kinds[name]))
	}
	return list, nil
}

func newPlatformKind(kind platforms.Kind) PlatformKind {
	shown := PlatformKind{Name: kind.Name, Members: []PlatformMember{}, Capabilities: newKindCapabilities(kind.Offers), Succeeds: kind.Succeeds}
	for _, m := range kind.Settings {
		shown.Members = append(shown.Members, PlatformMember{Name: m.Name, Required: m.Required, Meaning: m.Meaning})
	}
	for _, m := range kind.Credentials {
		shown.Members = append(shown.Members, PlatformMember{Name: m.Name, Required: m.Required, Secret: true, Meaning: m.Meaning})
	}
	return shown
}

func newKindCapabilities(offer platforms.Offer) KindCapabilities {
	shown := KindCapabilities{Capabilities: offer.Capabilities(), Ways: offer.Ways, KeyKinds: append([]store.Kind{}, offer.KeyKinds...)}
	if offer.MaxKeys > 0 {
		shown.MaxKeys = &offer.MaxKeys
	}
	if offer.MaxTTL > 0 {
		longest := int64(offer.MaxTTL / time.Second)
		shown.MaxTTL = &longest
	}
	return shown
}

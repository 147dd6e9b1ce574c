package service

import (
	"testing"

	"playtoken/projects"
)

// TestRingStoreAndPlatformAreThreeColumns: in words, each by itself.
func TestRingStoreAndPlatformAreThreeColumns(t *testing.T) {
	s, second := newService(t)
	withActiveKey(t, s, projects.Default)
	withActiveKey(t, s, second.ID)
	tenant, err := s.Tenant(t.Context(), projects.Default)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := tenant.Rotator.Ring(t.Context())
	active, ok := ring.Active()
	if err != nil || !ok {
		t.Fatalf("got no active key, %v, want one", err)
	}
	const (
		has    = `<td><span class="badge good">has it</span></td>`
		gone   = `<td><span class="badge bad">does not have it</span></td>`
		theirs = `<td><span class="badge plain">does not know it</span></td><td><span class="badge plain">not asked</span></td><td><span class="badge warn">only there</span></td>`
		ours   = `<td><span class="badge good">generation 1, active</span></td>` + has
	)
	b := newBrowser(t, s)
	b.signIn(adminKey)
	b.shows("/console/projects/default/drift", ours+has)
	if err := tenant.Platform.Registrar.Delete(t.Context(), active.KeyID); err != nil {
		t.Fatal(err)
	}
	b.shows("/console/projects/default/drift", ours+gone)
	b.shows("/console/projects/default/drift", theirs)
}

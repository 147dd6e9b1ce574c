package keyrotation

import (
	"context"
	"slices"
	"testing"

	"playtoken/store"
)

// unwritten are documents that must not be written.
type unwritten struct {
	store.Documents
	t *testing.T
}

func (u unwritten) Write(context.Context, string, []byte, int64) (int64, error) {
	u.t.Error("the ring was written")
	return 0, store.ErrConflict
}

// No planner or verb asks for such a step, so nothing outside can try.
func TestNoStepIsWrittenThatTheTableDoesNotHave(t *testing.T) {
	tried := 0
	for from, trait := range states {
		for to := range states {
			if from == to || slices.Contains(trait.next, to) {
				continue
			}
			tried++
			p := (&Rotator{Project: "default", Documents: unwritten{t: t}}).newPass(Order{})
			old := Ring{Keys: []Key{{Generation: 1, State: from, KeyID: "id1", Fingerprint: "f1", PublicKey: "p1"}}}
			next := old.clone()
			next.Keys[0].State = to
			if err := p.save(t.Context(), old, &next); err == nil {
				t.Errorf("from %s to %s", from, to)
			}
		}
	}
	if tried < len(states) {
		t.Errorf("%d steps tried", tried)
	}
}

package main

import "testing"

// The guards move with the code, and breaking them all takes long: that each is
// where it is said to be is checked every time.
func TestEveryGuardIsThereOnce(t *testing.T) {
	t.Chdir("..")
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("%s: two of that name", m.name)
		}
		names[m.name] = true
		if m.guard == m.broken {
			t.Errorf("%s: breaks nothing", m.name)
		}
		if _, err := m.place(t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

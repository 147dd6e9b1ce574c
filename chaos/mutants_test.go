package main

import "testing"

// Guards move when the code changes. Breaking them all takes long, so this test
// only checks that each is still in its file.
func TestEveryGuardIsThereOnce(t *testing.T) {
	t.Chdir("..")
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("got two mutants %q, want one", m.name)
		}
		names[m.name] = true
		if m.guard == m.broken {
			t.Errorf("mutant %q changes nothing, want a broken guard", m.name)
		}
		if _, err := m.place(t.TempDir()); err != nil {
			t.Errorf("place of mutant %q: %v", m.name, err)
		}
	}
}

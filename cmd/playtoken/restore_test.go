package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"playtoken/handlers"
)

// backup copies the store, and returns what puts the copy back.
func (w *deployment) backup() (restore func()) {
	w.t.Helper()
	path := filepath.Join(w.dir, "play.db")
	copied, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(path, copied, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

// registered are the ids of all keys that the gate has.
func (w *deployment) registered() []string {
	w.t.Helper()
	var answer struct{ Result []struct{ ID string } }
	w.atGate(http.MethodGet, "?limit=100", "", &answer)
	var ids []string
	for _, k := range answer.Result {
		ids = append(ids, k.ID)
	}
	return ids
}

// problem returns doctor's finding of a check, which has to be a problem.
func (w *deployment) problem(check string) handlers.Examined {
	w.t.Helper()
	r := w.run("doctor", "-o", "json")
	var view findingsView
	if err := json.Unmarshal([]byte(r.stdout), &view); err != nil || r.code != exitFailed {
		w.t.Fatalf("doctor: exit %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	for _, f := range view.Findings {
		if f.Check == check && !f.OK {
			return f
		}
	}
	w.t.Fatalf("doctor has no problem with %s:\n%s", check, r.stdout)
	return handlers.Examined{}
}

// obeys runs the commands that a remedy names, as they stand there.
func (w *deployment) obeys(remedy string) {
	w.t.Helper()
	for _, command := range strings.Split(remedy, "playtoken ")[1:] {
		command, _, _ = strings.Cut(command, ", then")
		var args []string
		for i, part := range strings.Split(command, "'") {
			if i%2 == 1 {
				args = append(args, part)
			} else {
				args = append(args, strings.Fields(part)...)
			}
		}
		// What is left to do, or the tokens of a key that is gone, is told by the code.
		if r := w.run(args...); r.code != exitDone && r.code != exitRefused {
			w.t.Fatalf("playtoken %s: exit %d\n%s", strings.Join(args, " "), r.code, r.stderr)
		}
	}
}

func TestARestoredBackupDeletesNothingAndLocksNoViewerOut(t *testing.T) {
	t.Parallel()
	slow(t, "it makes many keys")
	w, client := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=0s"), newClient(t)
	w.must(&struct{}{}, "rotate")
	restore, before := w.backup(), w.registered()
	var newer []string // of keys that the backup does not know
	for range 3 {
		w.must(&struct{}{}, "rotate", "--now", "--reason", "test")
		newer = append(newer, w.minted("default"))
	}
	after := w.registered()
	w.opens(client, http.StatusOK, newer...)

	restore()
	f := w.problem("restore")
	for _, says := range []string{"older than the platform", "3 keys", "none needed: the active key is there"} {
		if !strings.Contains(f.Detail+orDash(f.Remedy), says) {
			t.Errorf("doctor does not say %q: %+v", says, f)
		}
	}
	w.opens(client, http.StatusOK, w.minted("default"))
	w.must(&struct{}{}, "rotate")
	w.must(&struct{}{}, "rotate", "--now", "--reason", "test")
	w.opens(client, http.StatusOK, append(newer, w.minted("default"))...)
	now := strings.Join(w.registered(), " ")
	for _, id := range after {
		if !strings.Contains(now, id) {
			t.Errorf("key %s was deleted", id)
		}
	}
	// One more than the backup's two: the standby after the rotation.
	if n := len(w.registered()); n != len(after)+1 || len(after) != len(before)+3 {
		t.Errorf("%d keys, then %d, now %d", len(before), len(after), n)
	}
	f = w.problem("restore") // still, until they are removed
	if list := w.run("doctor").stdout; strings.Count(list, "playtoken keys remove-unmanaged") != 3 {
		t.Errorf("%+v in\n%s", f, list)
	}
}

func TestABackupWhoseActiveKeyIsGone(t *testing.T) {
	t.Parallel()
	w, client := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=0s"), newClient(t)
	w.must(&struct{}{}, "rotate")
	restore, before := w.backup(), w.registered()
	w.must(&struct{}{}, "rotate", "--now", "--reason", "test")
	w.must(&struct{}{}, "keys", "revoke", "1", "--reason", "it is gone at the platform, too")
	newer := w.minted("default")

	restore()
	f := w.problem("restore")
	if !strings.Contains(orDash(f.Remedy), "rotate --now") {
		t.Errorf("got the finding %+v, want rotate --now in its remedy", f)
	}
	w.obeys(orDash(f.Remedy))
	w.opens(client, http.StatusOK, newer, w.minted("default"))
	if got := w.states(); !strings.Contains(got, "2:active") {
		t.Errorf("keys: %s", got)
	}
	if len(w.registered()) < len(before) {
		t.Error("a key was deleted")
	}
}

func TestABackupOfWhichNoKeyIsLeft(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for keys to settle")
	w, client := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_SETTLE=2s", "PLAYTOKEN_OBSERVE_EVERY=100ms"), newClient(t)
	w.must(&struct{}{}, "rotate")
	restore := w.backup()
	for generation := range 2 {
		w.must(&struct{}{}, "rotate", "--now", "--reason", "test")
		w.must(&struct{}{}, "keys", "revoke", strconv.Itoa(generation+1), "--reason", "test")
	}
	newer := w.minted("default")

	restore()
	eventually(t, patience, func() error {
		r := w.run("rotate")
		return r.unless(strings.Contains(r.stdout, "another account"))
	})
	if r := w.run("rotate", "--now", "--reason", "test"); r.code != exitRefused {
		t.Errorf("rotate --now: exit %d, %s", r.code, r.stdout)
	}
	f := w.problem("restore")
	if !strings.Contains(f.Detail+orDash(f.Remedy), "none of the ring's keys is left there") {
		t.Errorf("got the finding %+v, want that none of the ring's keys is left", f)
	}
	for _, generation := range []string{"2", "1"} { // as the remedy says
		if !strings.Contains(orDash(f.Remedy), "keys revoke 2 ") || !strings.Contains(orDash(f.Remedy), "the same with 1") {
			t.Fatalf("got the finding %+v, want generations 2 and 1 to be revoked", f)
		}
		r := w.run("keys", "revoke", generation, "--reason", "a backup was put back")
		t.Logf("revoke %s: exit %d %s%s", generation, r.code, r.stdout, r.stderr)
	}
	w.must(&struct{}{}, "rotate", "--project", "default")
	w.opens(client, http.StatusOK, newer, w.minted("default"))
}

// TestARestoredRingHealsByItself: where no operator reads what doctor says, two
// looks at the platform do it.
func TestARestoredRingHealsByItself(t *testing.T) {
	t.Parallel()
	slow(t, "it waits for keys to settle")
	w, client := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_SETTLE=4s", "PLAYTOKEN_OBSERVE_EVERY=100ms"), newClient(t)
	w.must(&struct{}{}, "rotate")
	restore := w.backup()
	w.must(&struct{}{}, "rotate", "--now", "--reason", "test")
	w.must(&struct{}{}, "keys", "revoke", "1", "--reason", "test")
	restore()
	eventually(t, patience, func() error {
		r := w.run("rotate") // refused, as long as the key is missing
		states := w.states()
		return r.unless((r.code == exitDone || r.code == exitRefused) && strings.Contains(states, "1:quarantined"))
	})
	w.opens(client, http.StatusOK, w.minted("default"))
}

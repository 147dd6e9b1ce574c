package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/filekeys"
	"playtoken/handlers"
	"playtoken/keyrotation"
)

// byHand is a key pair as operators have it without playtoken: made with other
// tools, registered with the platform, and in use.
type byHand struct {
	private *rsa.PrivateKey
	keyID   string
}

func (w *deployment) registerByHand(name string) byHand {
	w.t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		w.t.Fatal(err)
	}
	public, err := keyrotation.EncodePublicKey(&private.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"name": name, "public_key": public})
	if err != nil {
		w.t.Fatal(err)
	}
	var answer struct{ Result struct{ ID string } }
	w.atGate(http.MethodPost, "", string(body), &answer)
	return byHand{private, answer.Result.ID}
}

// atGate uses the gate's key API with its key.
func (w *deployment) atGate(method, below, body string, into any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.gate.URL+"/v2/jwt_keys"+below, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+gateKey)
	resp, err := w.gate.Client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: status %d, %v", method, resp.StatusCode, err)
	}
}

// url is where the sample plays with a token that was made by hand.
func (w *deployment) url(h byHand) string {
	w.t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "counter", "exp": time.Now().Add(time.Hour).Unix()})
	token.Header["kid"] = h.keyID
	signed, err := token.SignedString(h.private)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.gate.URL + "/counter/hls.m3u8?jwt=" + signed
}

// minted is where it plays with a token of ours.
func (w *deployment) minted(project string) string {
	w.t.Helper()
	var token tokenView
	w.must(&token, "token", "mint", "counter", "--project", project)
	return token.URLs.HLS
}

// opens asks the gate for each URL.
func (w *deployment) opens(client *http.Client, want int, urls ...string) {
	w.t.Helper()
	for i, url := range urls {
		if status, err := plays(w.t.Context(), client, url); status != want || err != nil {
			w.t.Errorf("URL %d: the gate answers %d, %v; want %d", i, status, err, want)
		}
	}
}

// refuses runs a command line that a guard has to refuse.
func (w *deployment) refuses(says string, args ...string) {
	w.t.Helper()
	if r := w.run(args...); r.code != exitRefused || !strings.Contains(r.stderr, says) {
		w.t.Errorf("%v: exit %d, want %d and %q:\n%s", args, r.code, exitRefused, says, r.stderr)
	}
}

// openStore opens the deployment's store, which other processes may have open, too.
func (w *deployment) openStore() *filekeys.Store {
	w.t.Helper()
	return w.createStore(password)
}

func TestAKeyMadeByHandIsReplacedWithoutAnyRefusal(t *testing.T) {
	t.Parallel()
	w, client := newDeploymentWithoutStore(t), newClient(t)
	old := w.registerByHand("our website")
	before := w.url(old)
	w.opens(client, http.StatusOK, before)
	w.openStore() // as serve makes it, before it has any key
	remove := []string{"keys", "remove-unmanaged", old.keyID, "--reason", "test"}
	w.refuses("nothing could take this key's place", remove...)

	w.must(&struct{}{}, "rotate")
	shown := w.run("doctor")
	for _, says := range []string{"key " + old.keyID, "not made by this deployment", "rotations never touch it",
		"playtoken keys remove-unmanaged " + old.keyID + " --project default --reason TEXT"} {
		if shown.code != exitDone || !strings.Contains(shown.stdout, says) {
			t.Errorf("doctor: exit %d, want %q in:\n%s", shown.code, says, shown.stdout)
		}
	}
	first := w.minted("default")
	w.opens(client, http.StatusOK, before, w.url(old), first)
	w.must(&struct{}{}, "rotate", "--now", "--reason", "test")
	w.opens(client, http.StatusOK, before, w.url(old), first, w.minted("default"))

	var removed removedView
	w.must(&removed, remove...)
	if removed.Removed != old.keyID {
		t.Errorf("removed = %+v, want key %s", removed, old.keyID)
	}
	w.opens(client, http.StatusUnauthorized, before, w.url(old))
	w.opens(client, http.StatusOK, first, w.minted("default"))
	if r := w.run("doctor"); r.code != exitDone || strings.Contains(r.stdout, old.keyID) {
		t.Errorf("doctor afterwards: exit %d\n%s", r.code, r.stdout)
	}
	if r := w.run(remove...); r.code != exitFailed || !strings.Contains(r.stderr, "no such key") {
		t.Errorf("removed twice: exit %d, %s", r.code, r.stderr)
	}
}

// addProject makes another project on the same account, with keys.
func (w *deployment) addProject(name string) (id string) {
	w.t.Helper()
	credential := filepath.Join(w.dir, "credential")
	if err := os.WriteFile(credential, []byte(gateKey), 0o600); err != nil {
		w.t.Fatal(err)
	}
	var made handlers.Project
	w.must(&made, "project", "create", "--name", name, "--platform", "gate", "--setting", "url="+w.gate.URL, "--credential", "api_key="+credential)
	w.must(&struct{}{}, "rotate", "--project", made.ID)
	return made.ID
}

func TestTwoProjectsOnOneAccountLeaveEachOthersKeysAlone(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a process")
	w, client := newDeployment(t), newClient(t)
	w.must(&struct{}{}, "rotate", "--project", "default")
	other := w.addProject("other")
	stray := w.registerByHand("by hand")
	s := w.startServer("serve")
	defer s.stop()
	for project, theirs := range map[string]string{"default": other, other: "default"} {
		var keys keyListView
		w.must(&keys, "keys", "list", "--project", theirs)
		status, body := administer(t, client, s.url, "GET /v1/projects/"+project+"/drift")
		if status != http.StatusOK || strings.Count(body, "key of another project") != 2 || strings.Count(body, "remove-unmanaged") != 1 {
			t.Errorf("drift of %s: %d %s", project, status, body)
		}
		for _, k := range keys.Items {
			w.refuses("another project", "keys", "remove-unmanaged", *k.KeyID, "--project", project, "--reason", "test")
			status, body := administer(t, client, s.url, fmt.Sprintf("DELETE /v1/projects/%s/platform-keys/%s", project, *k.KeyID))
			if status != http.StatusConflict || !strings.Contains(body, "another project") || strings.Contains(body, theirs) && theirs != "default" {
				t.Errorf("over HTTP: %d %s", status, body)
			}
		}
	}
	if r := w.run("doctor"); r.code != exitDone || strings.Count(r.stdout, "key of another project") != 4 || !strings.Contains(r.stdout, ", "+other) {
		t.Errorf("doctor: exit %d\n%s", r.code, r.stdout)
	}
	w.opens(client, http.StatusOK, w.minted("default"), w.minted(other))
	w.must(&removedView{}, "keys", "remove-unmanaged", stray.keyID, "--reason", "test")
}

func TestNothingIsRemovedWhileARingCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate", "--project", "default")
	other, stray := w.addProject("other"), w.registerByHand("by hand")
	store, name := w.openStore(), keyrotation.RingName(other)
	good, err := store.Read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	version, err := store.Write(t.Context(), name, []byte(`{"keys":[{"state":"of a later version"}]}`), good.Version)
	if err != nil {
		t.Fatal(err)
	}
	remove := []string{"keys", "remove-unmanaged", stray.keyID, "--reason", "test"}
	w.refuses("ring of "+other, remove...)
	if r := w.run("doctor", "--project", "default"); strings.Contains(r.stdout, "remove-unmanaged") {
		t.Errorf("doctor: %s", r.stdout)
	}
	if _, err := store.Write(t.Context(), name, good.Data, version); err != nil {
		t.Fatal(err)
	}
	w.must(&removedView{}, remove...)
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/vaultkeys"
)

// TestAfternoonAtAnotherAccount: the credential was changed to that of an account
// with keys, of which none is ours.
func TestAfternoonAtAnotherAccount(t *testing.T) {
	slow(t, "it starts processes")
	newAfternoon(t).serving().tells(outage{name: "wrong account", code: keyrotation.AccountWithoutOurKeys, rotate: exitRefused, inspect: exitRefused,
		begins: func(a *afternoon) {
			a.server.stop()
			other := httptest.NewServer(openSample(t, t.TempDir()).Handler())
			t.Cleanup(other.Close)
			(&deployment{t: t, gate: other}).registerByHand("of another deployment")
			a.platform.becomes(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "Bearer "+secondKey {
					r.Header.Set("Authorization", "Bearer "+gateKey)
				}
				other.Config.Handler.ServeHTTP(w, r)
			}))
			a.environ = append(a.environ, "PLAYTOKEN_PLATFORM_API_KEY="+secondKey)
			a.server = a.startServer("serve")
		}})
}

// TestAfternoonOfAFullBudget: so many keys are still needed that the next one may not
// be registered.
func TestAfternoonOfAFullBudget(t *testing.T) {
	slow(t, "it starts a process")
	a := newAfternoon(t, "PLAYTOKEN_KEY_BUDGET=4").serving()
	a.tells(outage{name: "full budget", code: keyrotation.MoveBlockedByBudget, rotate: exitRefused, detail: "budget",
		begins: func(a *afternoon) {
			for range 5 {
				a.run("rotate", "--now", "--reason", "an exercise")
			}
			a.platform.becomes(a.gate.Config.Handler)
		}})
}

// vaultAfternoon is one at a Vault whose clock can be moved.
type vaultAfternoon struct {
	*afternoon
	vault *vaultDeployment
	apart atomic.Int64 // how far the clock is ahead
}

func newVaultAfternoon(t *testing.T) *vaultAfternoon {
	t.Helper()
	a := &vaultAfternoon{vault: newVaultDeployment(t, busy...)}
	to, err := url.Parse(a.vault.vault.Addr)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = a.moveClock
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	a.vault.environ = a.vault.as(vaultkeys.Rotator, "VAULT_ADDR="+front.URL)
	a.afternoon = a.vault.deployment.afternoon().serving()
	return a
}

var vaultTime = regexp.MustCompile(`"server_time_utc":\s*\d+`)

// moveClock has Vault's answers tell another time.
func (a *vaultAfternoon) moveClock(r *http.Response) error {
	if a.apart.Load() == 0 || r.Request.URL.Path != "/v1/sys/health" {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	moved := fmt.Sprintf(`"server_time_utc":%d`, time.Now().Add(time.Duration(a.apart.Load())).Unix())
	body = vaultTime.ReplaceAll(body, []byte(moved))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return err
}

// TestAfternoonOfAClockApart: nothing is activated or deleted by a clock that is
// wrong.
func TestAfternoonOfAClockApart(t *testing.T) {
	slow(t, "it starts a process")
	a := newVaultAfternoon(t)
	a.tells(outage{name: "clock apart", code: keyrotation.ClockApart, rotate: exitRefused, begins: func(at *afternoon) {
		a.apart.Store(int64(time.Hour))
		at.platform.becomes(at.gate.Config.Handler)
	}})
}

// TestAfternoonOfASealedVault: no ring can be read, so what tells of it are the log,
// the metric of the store's operations and the problem's code; the verbs exit with 5.
func TestAfternoonOfASealedVault(t *testing.T) {
	slow(t, "it starts a process")
	a := newVaultAfternoon(t)
	close(a.platform.release)
	a.vault.vault.Seal()
	a.platform.becomes(a.gate.Config.Handler)
	for _, way := range []struct {
		name string
		says func() error
	}{
		{"log", func() error { return a.server.logged(string(keyrotation.StoreUnreachable)) }},
		{"metric of the store", a.server.missesItsStore},
		{"GET rotation", func() error { return a.server.answered("signer_unavailable") }},
	} {
		eventually(t, patience, way.says)
		a.row = append(a.row, way.name+" "+a.platform.told())
	}
	for _, verb := range [][]string{{"rotate", "--if-due"}, {"token", "inspect", a.token}, {"doctor"}} {
		r := a.run(verb...)
		if said := r.stdout + r.stderr; r.code != exitDown && verb[0] != "doctor" || r.code == exitDone || !strings.Contains(said, "sealed") {
			t.Errorf("%s: got exit %d, %s, want %d and that Vault is sealed", verb[0], r.code, said, exitDown)
		}
		a.row = append(a.row, fmt.Sprintf("%s exit %d", verb[0], r.code))
	}
	a.server.stop()
	t.Log(strings.Join(a.row, " | "))
}

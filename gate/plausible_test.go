package gate_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"playtoken/gate"
)

// edit changes the gate's data file while the gate is stopped.
func (w *world) edit(change func(*bbolt.Tx) error) {
	w.Helper()
	w.stop()
	db, err := bbolt.Open(w.config.Data, 0o600, nil)
	if err != nil {
		w.Fatal(err)
	}
	if err := db.Update(change); err != nil {
		w.Error(err)
	}
	if err := db.Close(); err != nil {
		w.Fatal(err)
	}
	w.start()
}

// sealing is the secret in the gate's data file, which is stopped for that.
func (w *world) sealing() (secret []byte) {
	w.Helper()
	w.edit(func(tx *bbolt.Tx) error {
		secret = append(secret, tx.Bucket([]byte("own")).Get([]byte("sealing"))...)
		return nil
	})
	return secret
}

func sealed(secret []byte, version, body string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("playtoken gate session ticket, version " + version + "\x00" + body))
	return body + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// forger makes tickets of the earlier form with a stolen copy of the gate's data
// file. The gate takes them as its own from before an upgrade.
func (w *world) forger() func(keyID string, life time.Duration) string {
	w.Helper()
	secret := w.sealing()
	return func(keyID string, life time.Duration) string {
		return sealed(secret, "1", video+"."+keyID+"."+strconv.FormatInt(w.now().Add(life).Unix(), 10))
	}
}

func TestATicketThatTheGateWouldNotHaveMadeOpensNothing(t *testing.T) {
	w := open(t, films(), nil)
	forge := w.forger()
	file := "/film/360/0.m4s?ticket="
	w.want(w.get(file+forge(w.keyID, 4*time.Hour)), 200, "")
	w.want(w.get(file+forge(w.keyID, 4*time.Hour+time.Minute)), 200, "") // clocks differ
	w.want(w.get(file+forge(w.keyID, 4*time.Hour+2*time.Minute)), 401, "token_life_too_long")
	w.want(w.get(file+forge(w.keyID, 10*365*24*time.Hour)), 401, "token_life_too_long")
	w.want(w.get(file+forge(strings.Repeat("a", 21), time.Hour)), 401, "key_unknown")
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID, ""), 200, "")
	w.stop()
	w.start()
	w.want(w.get(file+forge(w.keyID, time.Hour)), 200, "") // a retired key's sessions run on
	w.advance(4*time.Hour + 2*time.Minute)
	w.stop()
	w.start()
	w.want(w.get(file+forge(w.keyID, time.Hour)), 401, "key_unknown") // no session of it can be alive
}

// TestAnUpgradeEndsNoSession: an older gate's file does not say which keys it
// has deleted.
func TestAnUpgradeEndsNoSession(t *testing.T) {
	w := open(t, films(), nil)
	ticket := w.ticket(video)
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID, ""), 200, "")
	w.edit(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("gone")) })
	forge := w.forger()
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 200, "")
	w.advance(3 * time.Hour)
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 200, "")
	w.want(w.get("/film/360/0.m4s?ticket="+forge(strings.Repeat("a", 21), 2*time.Hour)), 401, "key_unknown")
}

func TestADataFileThatOthersMayOpenIsRefused(t *testing.T) {
	w := open(t, films(), nil)
	w.stop()
	for mode, refused := range map[os.FileMode]bool{0o600: false, 0o660: false, 0o604: true, 0o666: true, 0o601: true} {
		if err := os.Chmod(w.config.Data, mode); err != nil {
			t.Fatal(err)
		}
		g, err := gate.Open(w.config)
		if err == nil {
			g.Close()
		}
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: error = %v, want one with the remedy: %t", mode, err, refused)
		}
	}
	if err := os.Chmod(w.config.Data, 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
}

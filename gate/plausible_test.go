package gate_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
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

// document is what the gate's data file says.
type document struct {
	Owner string `json:"owner"`
	Keys  []struct {
		Place uint64          `json:"place"`
		Key   json.RawMessage `json:"key"`
	} `json:"keys"`
	Tickets []struct {
		ID     string `json:"id"`
		Secret []byte `json:"secret"`
	} `json:"ticket_keys"`
}

func readDocument(tx *bbolt.Tx) (d document, err error) {
	return d, json.Unmarshal(tx.Bucket([]byte("documents")).Get([]byte("gate/register"))[8:], &d)
}

// sealing is the secret in the gate's data file, which is stopped for that.
func (w *world) sealing() (secret []byte) {
	w.Helper()
	w.edit(func(tx *bbolt.Tx) error {
		d, err := readDocument(tx)
		secret = d.Tickets[len(d.Tickets)-1].Secret
		return err
	})
	return secret
}

func sealed(secret []byte, version, body string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("playtoken gate session ticket, version " + version + "\x00" + body))
	return body + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// forger makes tickets with a stolen copy of the gate's data file.
func (w *world) forger() func(keyID string, life time.Duration) string {
	w.Helper()
	ticketKey, secret := w.ticketKeyID(), w.sealing()
	return func(keyID string, life time.Duration) string {
		now := w.now()
		return sealed(secret, "2", fmt.Sprintf("2.%s.%s.%s.%d.%d..AAAAAAAAAAAAAAAA", ticketKey, video, keyID, now.UnixMicro(), now.Add(life).Unix()))
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
	w.advance(4*time.Hour + 3*time.Minute)
	w.stop()
	w.start()
	w.want(w.get(file+forge(w.keyID, time.Hour)), 401, "key_unknown") // no session of it can be alive
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

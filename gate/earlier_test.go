package gate_test

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// stamp is how the earlier layout writes times.
const stamp = "2006-01-02T15:04:05.000Z"

// earlierSecret makes the tickets of a gate of an earlier version.
var earlierSecret = []byte("0123456789abcdef0123456789abcdef")

// layOut gives the stopped gate's data file the layout of an earlier version,
// with the keys that it has, and what change adds.
func (w *world) layOut(change func(*bbolt.Tx) error) {
	w.Helper()
	w.edit(func(tx *bbolt.Tx) error {
		d, err := readDocument(tx)
		if err != nil {
			return err
		}
		own, err1 := tx.CreateBucket([]byte("own"))
		keys, err2 := tx.CreateBucket([]byte("keys"))
		_, err3 := tx.CreateBucket([]byte("ended"))
		_, err4 := tx.CreateBucket([]byte("gone"))
		err = errors.Join(err1, err2, err3, err4, own.Put([]byte("owner"), []byte(d.Owner)), own.Put([]byte("sealing"), earlierSecret))
		for _, k := range d.Keys {
			err = errors.Join(err, keys.Put(binary.BigEndian.AppendUint64(nil, k.Place), k.Key))
		}
		return errors.Join(err, tx.DeleteBucket([]byte("documents")), change(tx))
	})
}

func asItIs(*bbolt.Tx) error { return nil }

// earlier is a ticket of the earlier form.
func (w *world) earlier(keyID string, life time.Duration) string {
	return sealed(earlierSecret, "1", video+"."+keyID+"."+strconv.FormatInt(w.now().Add(life).Unix(), 10))
}

// TestTicketsFromBeforeAnUpgradeOpenUntilTheyEnd: the earlier version made them
// in another form, with the one key of its data file.
func TestTicketsFromBeforeAnUpgradeOpenUntilTheyEnd(t *testing.T) {
	w := open(t, films(), nil)
	w.layOut(asItIs)
	before, unknown := w.earlier(w.keyID, time.Hour), w.earlier(strings.Repeat("a", 21), time.Hour)
	for range 2 {
		w.want(w.get("/film/360/0.m4s?ticket="+before), 200, "")
		w.want(w.get("/other/0.m4s?ticket="+before), 403, "video_not_allowed")
		w.want(w.get("/film/360/0.m4s?ticket="+unknown), 401, "key_unknown")
		w.want(w.get("/film/hls.m3u8?jwt="+w.token(video, time.Minute)), 200, "")
		w.stop()
		w.start()
	}
	w.advance(time.Hour)
	w.want(w.get("/film/360/0.m4s?ticket="+before), 401, "token_expired")
	w.advance(3*time.Hour + 3*time.Minute) // every ticket of the earlier key is over
	w.stop()
	w.start()
	w.want(w.get("/film/360/0.m4s?ticket="+w.earlier(w.keyID, time.Hour)), 401, "signature_invalid")
}

// TestAnUpgradeEndsNoSession: the first version's file does not say which keys
// it has deleted.
func TestAnUpgradeEndsNoSession(t *testing.T) {
	w := open(t, films(), nil)
	w.layOut(func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket([]byte("gone")), tx.DeleteBucket([]byte("keys")))
	})
	before := w.earlier(w.keyID, 4*time.Hour)
	w.want(w.get("/film/360/0.m4s?ticket="+before), 200, "")
	w.advance(3 * time.Hour)
	w.want(w.get("/film/360/0.m4s?ticket="+before), 200, "")
	w.want(w.get("/film/360/0.m4s?ticket="+w.earlier(strings.Repeat("a", 21), 2*time.Hour)), 401, "key_unknown")
}

// TestWhatWasEndedBeforeAnUpgradeStaysEnded, and what was deleted stays known.
func TestWhatWasEndedBeforeAnUpgradeStaysEnded(t *testing.T) {
	w := open(t, films(), nil)
	deleted := strings.Repeat("d", 21)
	w.layOut(func(tx *bbolt.Tx) error {
		at := []byte(begin.Format(stamp))
		return errors.Join(tx.Bucket([]byte("ended")).Put([]byte(w.keyID), at), tx.Bucket([]byte("gone")).Put([]byte(deleted), at))
	})
	w.want(w.get("/film/360/0.m4s?ticket="+w.earlier(w.keyID, time.Hour)), 403, "session_ended")
	w.want(w.get("/film/360/0.m4s?ticket="+w.earlier(deleted, time.Hour)), 200, "")
	w.want(w.api("GET", "/v2/jwt_keys/"+deleted, ""), 404, "not_found")
}

// TestTheEarlierLayoutGoesWithItsSecret once it has been taken over.
func TestTheEarlierLayoutGoesWithItsSecret(t *testing.T) {
	w := open(t, films(), nil)
	w.layOut(asItIs)
	w.edit(func(tx *bbolt.Tx) error {
		for _, name := range []string{"own", "keys", "ended", "gone"} {
			if tx.Bucket([]byte(name)) != nil {
				t.Errorf("got the bucket %s of the earlier layout, want it removed", name)
			}
		}
		return nil
	})
}

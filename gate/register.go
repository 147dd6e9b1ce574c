package gate

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"playtoken/gate/verify"
)

// registration is a public key as the key API shows it and as the file holds
// it. Its id is the kid of the tokens that the key verifies.
type registration struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"` // the PEM text as it was sent
	CreatedBy   string `json:"created_by"`
	CreatedTime string `json:"created_time"`
	UpdatedBy   string `json:"updated_by"`
	UpdatedTime string `json:"updated_time"`
}

// timeForm is how the key API writes times.
const timeForm = "2006-01-02T15:04:05.000Z"

// entry is a registration with its place in the list and its key, parsed once.
type entry struct {
	registration
	place uint64 // rises with every registration, never used twice
	key   *rsa.PublicKey
}

// contents is all that the file says, in memory. It is never changed.
type contents struct {
	list  []entry // by place
	keys  map[string]*rsa.PublicKey
	known map[string]bool // ids of keys that are or were registered
	ended map[string]bool // by key id
}

// register keeps the keys, the marks of ended sessions and the gate's own
// secret in one file. Viewers are answered from memory, which is read again
// from the file after every change, so that the two cannot differ.
type register struct {
	db      *bbolt.DB
	now     func() time.Time
	session time.Duration // the longest that a ticket can live after its key has gone
	owner   string        // who created every key: the holder of the API key
	sealing ticketKey
	trusted int64 // until then, in seconds since 1970, tickets may name keys that this file has forgotten
	change  sync.Mutex
	current atomic.Pointer[contents]
}

var (
	ownBucket   = []byte("own")
	keysBucket  = []byte("keys")  // place, big-endian: registration as JSON
	endedBucket = []byte("ended") // key id: when its sessions were ended
	goneBucket  = []byte("gone")  // key id: when the key was deleted

	ownerName, sealingName, trustedName = []byte("owner"), []byte("sealing"), []byte("trusted")
)

var errFileBusy = errors.New("another process is using it")

func openRegister(path string, now func() time.Time, session time.Duration) (*register, error) {
	if err := checkMode(path); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if errors.Is(err, bolterrors.ErrTimeout) {
		err = errFileBusy
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	k := &register{db: db, now: now, session: session}
	err = db.Update(k.prepare)
	if err == nil {
		err = db.View(k.read)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), db.Close())
	}
	return k, nil
}

// checkMode refuses a file that other users of the machine can open, as the
// file store does: with the secret in it they could make tickets.
func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 == 0 {
		return nil // a file that cannot be looked at cannot be opened either
	}
	return fmt.Errorf("every user of this machine may open %s (mode %04o); run: chmod 600 %[1]s", path, info.Mode().Perm())
}

// prepare makes what a new file lacks: afterwards the gate has a secret that
// every later process finds again.
func (k *register) prepare(tx *bbolt.Tx) error {
	if err := k.trustOlderFile(tx); err != nil {
		return err
	}
	for _, name := range [][]byte{ownBucket, keysBucket, endedBucket, goneBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	own := tx.Bucket(ownBucket)
	if own.Get(sealingName) == nil {
		sealing := make([]byte, 32)
		rand.Read(sealing)
		if err := errors.Join(own.Put(sealingName, sealing), own.Put(ownerName, []byte(newID()))); err != nil {
			return err
		}
	}
	k.sealing, k.owner = newTicketKey(slices.Clone(own.Get(sealingName))), string(own.Get(ownerName))
	if until := own.Get(trustedName); until != nil {
		k.trusted = int64(binary.BigEndian.Uint64(until))
	}
	return k.forget(tx.Bucket(goneBucket))
}

// trustOlderFile: a file of an earlier version does not say which keys it once
// had. The sessions that they opened run on until they would end in any case.
func (k *register) trustOlderFile(tx *bbolt.Tx) error {
	own := tx.Bucket(ownBucket)
	if own == nil || tx.Bucket(goneBucket) != nil {
		return nil
	}
	return own.Put(trustedName, binary.BigEndian.AppendUint64(nil, uint64(k.now().Add(k.session).Unix())))
}

// forget drops deleted keys of which no ticket can be alive.
func (k *register) forget(gone *bbolt.Bucket) error {
	var old [][]byte
	err := gone.ForEach(func(id, stamp []byte) error {
		at, err := time.Parse(timeForm, string(stamp))
		if err == nil && at.Add(k.session).Before(k.now()) {
			old = append(old, id)
		}
		return err
	})
	for _, id := range old {
		err = errors.Join(err, gone.Delete(id))
	}
	return err
}

// add registers a key. On an error it is not known whether the file has it;
// what the gate answers from then on is what the file has.
func (k *register) add(name, publicKey string) (registration, error) {
	stamp := k.now().UTC().Format(timeForm)
	r := registration{ID: newID(), Name: name, PublicKey: publicKey,
		CreatedBy: k.owner, CreatedTime: stamp, UpdatedBy: k.owner, UpdatedTime: stamp}
	value, err := json.Marshal(r)
	if err != nil {
		return registration{}, fmt.Errorf("write key: %w", err)
	}
	return r, k.update(func(tx *bbolt.Tx) error {
		keys := tx.Bucket(keysBucket)
		place, err := keys.NextSequence()
		if err != nil {
			return err
		}
		return keys.Put(binary.BigEndian.AppendUint64(nil, place), value)
	})
}

// remove deletes a key and reports whether it was there. Asked to end its
// sessions it does so even for a key that is already gone: a caller that lost
// the answer to a plain deletion can still revoke.
func (k *register) remove(id string, endSessions bool) (found bool, err error) {
	err = k.update(func(tx *bbolt.Tx) error {
		if endSessions {
			mark := []byte(k.now().UTC().Format(timeForm))
			if err := tx.Bucket(endedBucket).Put([]byte(id), mark); err != nil {
				return err
			}
		}
		e, ok := k.find(id)
		if found = ok; !ok {
			return nil
		}
		gone := tx.Bucket(goneBucket).Put([]byte(id), []byte(k.now().UTC().Format(timeForm)))
		return errors.Join(gone, tx.Bucket(keysBucket).Delete(binary.BigEndian.AppendUint64(nil, e.place)))
	})
	return found, err
}

// update commits one change to the disk and then brings memory in step with
// the file, after a failure too: only the file knows what became of it.
func (k *register) update(change func(*bbolt.Tx) error) error {
	k.change.Lock()
	defer k.change.Unlock()
	return errors.Join(k.db.Update(change), k.db.View(k.read))
}

func (k *register) read(tx *bbolt.Tx) error {
	c, err := readContents(tx)
	if err == nil {
		k.current.Store(c)
	}
	return err
}

func readContents(tx *bbolt.Tx) (*contents, error) {
	c := &contents{keys: map[string]*rsa.PublicKey{}, known: map[string]bool{}, ended: map[string]bool{}}
	err := tx.Bucket(keysBucket).ForEach(func(place, value []byte) error {
		e := entry{place: binary.BigEndian.Uint64(place)}
		if err := json.Unmarshal(value, &e.registration); err != nil {
			return fmt.Errorf("read key %d: %w", e.place, err)
		}
		var err error
		if e.key, err = verify.ParsePublicKey(e.PublicKey); err != nil {
			return fmt.Errorf("read key %s: %w", e.ID, err)
		}
		c.list, c.keys[e.ID], c.known[e.ID] = append(c.list, e), e.key, true
		return nil
	})
	return c, errors.Join(err, mark(c.known, tx.Bucket(goneBucket)), mark(c.ended, tx.Bucket(endedBucket)))
}

func mark(ids map[string]bool, bucket *bbolt.Bucket) error {
	return bucket.ForEach(func(id, _ []byte) error {
		ids[string(id)] = true
		return nil
	})
}

func (k *register) key(id string) (*rsa.PublicKey, bool) {
	key, ok := k.current.Load().keys[id]
	return key, ok
}

// everKnew reports whether a session that ends at the given second may have
// been opened with a token of this key.
func (k *register) everKnew(keyID string, expires int64) bool {
	return k.current.Load().known[keyID] || expires <= k.trusted
}

// ticketKey is a ticketKeys.
func (k *register) ticketKey(id string) (ticketKey, bool) {
	return k.sealing, id == k.sealing.id || id == ""
}

func (k *register) ended(keyID string) bool { return k.current.Load().ended[keyID] }

func (k *register) find(id string) (entry, bool) {
	list := k.current.Load().list
	i := slices.IndexFunc(list, func(e entry) bool { return e.ID == id })
	if i < 0 {
		return entry{}, false
	}
	return list[i], true
}

// page returns at most limit entries after a place, oldest first, and whether
// there are more. Keys that come and go meanwhile move no other key.
func (k *register) page(after uint64, limit int) (page []entry, more bool) {
	list := k.current.Load().list
	i, found := slices.BinarySearchFunc(list, after, func(e entry, at uint64) int { return cmp.Compare(e.place, at) })
	if found {
		i++
	}
	rest := list[i:]
	return rest[:min(limit, len(rest))], len(rest) > limit
}

func (k *register) ready() error { return k.db.View(func(*bbolt.Tx) error { return nil }) }

func (k *register) close() error { return k.db.Close() }

const idLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

// newID returns 21 letters and digits, 108 bits of chance: an id that was
// never given before and never comes back.
func newID() string {
	n, _ := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(36), big.NewInt(21), nil))
	id := make([]byte, 21)
	digit := new(big.Int)
	for i := range id {
		n.DivMod(n, big.NewInt(int64(len(idLetters))), digit)
		id[i] = idLetters[digit.Int64()]
	}
	return string(id)
}

package datafile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"playtoken/gate/register"
	"playtoken/store"
)

// The layout of earlier versions: a bucket for each kind of thing.
var (
	ownBucket   = []byte("own")   // owner, sealing, trusted
	keysBucket  = []byte("keys")  // place, big-endian: registration as JSON
	endedBucket = []byte("ended") // key id: when its sessions were ended
	goneBucket  = []byte("gone")  // key id: when the key was deleted; missing in the first version

	ownerName, sealingName, trustedName = []byte("owner"), []byte("sealing"), []byte("trusted")
)

// timeForm is how the earlier layout writes times.
const timeForm = "2006-01-02T15:04:05.000Z"

// Earlier returns what an earlier version kept in this file. The name of the
// file in it is empty if there is nothing.
func (f *File) Earlier() (e register.Earlier, err error) {
	err = f.db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(ownBucket) == nil {
			return nil
		}
		e, err = readEarlier(tx)
		return err
	})
	if err != nil {
		return register.Earlier{}, fmt.Errorf("read the file's earlier layout: %w", err)
	}
	return e, nil
}

// Forget removes the earlier layout, ticket key and all, once its content has
// been taken over into another document.
func (f *File) Forget() error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{ownBucket, keysBucket, endedBucket, goneBucket} {
			if err := tx.DeleteBucket(name); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
				return fmt.Errorf("remove the file's earlier layout: %w", err)
			}
		}
		return nil
	})
}

// Content returns all that a gate may take over from this file: what an earlier
// version kept in it, or this version's own document.
func (f *File) Content(ctx context.Context) (register.Earlier, error) {
	doc, err := f.Read(ctx, register.Document)
	if errors.Is(err, store.ErrNotFound) {
		return f.Earlier()
	}
	if err != nil {
		return register.Earlier{}, err
	}
	return register.FromDocument(doc.Data)
}

func readEarlier(tx *bbolt.Tx) (register.Earlier, error) {
	own, goneKeys := tx.Bucket(ownBucket), tx.Bucket(goneBucket)
	e := register.Earlier{File: string(own.Get(ownerName)), Gone: map[string]time.Time{}}
	if secret := own.Get(sealingName); secret != nil {
		e.Tickets = []register.TicketKey{{Secret: append(register.TicketSecret(nil), secret...)}}
	}
	e.Trusting = goneKeys == nil
	if until := own.Get(trustedName); len(until) == 8 {
		e.Trusting = e.Trusting || time.Now().Unix() < int64(binary.BigEndian.Uint64(until))
	}
	ended := func(id string, at time.Time) {
		e.Cutoffs = append(e.Cutoffs, register.Cutoff{Subject: register.ByKey, Value: id, At: at})
	}
	return e, errors.Join(
		each(tx.Bucket(keysBucket), func(place, value []byte) error {
			var r register.Registration
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("read key %d: %w", binary.BigEndian.Uint64(place), err)
			}
			e.Keys = append(e.Keys, r)
			return nil
		}),
		eachTime(tx.Bucket(endedBucket), ended),
		eachTime(goneKeys, func(id string, at time.Time) { e.Gone[id] = at }))
}

func each(bucket *bbolt.Bucket, do func(name, value []byte) error) error {
	if bucket == nil {
		return nil
	}
	return bucket.ForEach(do)
}

func eachTime(bucket *bbolt.Bucket, do func(id string, at time.Time)) error {
	return each(bucket, func(id, stamp []byte) error {
		at, err := time.Parse(timeForm, string(stamp))
		if err != nil {
			return fmt.Errorf("read the time of key %.40q: %w", id, err)
		}
		do(string(id), at)
		return nil
	})
}

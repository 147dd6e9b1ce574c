package projects

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// walkFor is how long following a list's links may take.
	walkFor   = time.Hour
	maxCursor = 4 << 10 // characters
)

// walk is where somebody is who follows the links of a list, and what the list
// was when he began.
type walk struct {
	Began int64         `json:"t"` // Unix time in seconds
	Seqs  [shards]int64 `json:"s"` // of the index, at that time

	Number int  `json:"n"` // of the page
	Back   bool `json:"b"` // the page ends before the place, else it begins there
	// The place is a row, which may be gone by now; if it has no ID, the page
	// is found by its number.
	ID      string `json:"i"`
	Name    string `json:"k"`
	Created int64  `json:"c"`
}

// bound is what a cursor is good for and nothing else.
func (p Page) bound(c collection) []byte {
	data, _ := json.Marshal([]any{c.name, p.Name, p.SortBy, p.Desc}) // all of it is UTF-8 by now
	return data
}

// cursors seals cursors, so that nobody learns from one what he may not list,
// or makes one up.
func (s *Store) cursors(ctx context.Context) (cipher.AEAD, error) {
	key, err := s.Secret(ctx, "cursor")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key for cursors: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (w walk) seal(aead cipher.AEAD, bound []byte) (string, error) {
	data, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("encode cursor: not UTF-8")
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, data, bound)), nil
}

// openWalk is the walk of a cursor; without one, it begins a walk at the page
// that is asked for.
func (s *Store) openWalk(aead cipher.AEAD, c collection, p Page, all *[shards]shard) (walk, error) {
	if p.Cursor == "" {
		w := walk{Began: s.now().Unix(), Number: p.Number}
		for i := range all {
			w.Seqs[i] = all[i].Seq
		}
		return w, nil
	}
	var w walk
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(p.Cursor)
	if err == nil && len(p.Cursor) <= maxCursor {
		sealed, err = aead.Open(nil, nil, sealed, p.bound(c))
	}
	if err != nil || len(p.Cursor) > maxCursor || json.Unmarshal(sealed, &w, json.RejectUnknownMembers(true)) != nil {
		return walk{}, invalid("cursor", "does not belong to this list; begin again without it")
	}
	if s.now().Unix()-w.Began > int64(walkFor/time.Second) {
		return walk{}, invalid("cursor", "is too old; begin again without it")
	}
	return w, nil
}

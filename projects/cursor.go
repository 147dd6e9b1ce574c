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
	// walkFor is how long a cursor is accepted after its first page was read.
	walkFor   = time.Hour
	maxCursor = 4 << 10 // characters
)

// walk is the position of a caller that follows the links of a list, and the state
// of the list when it read the first page.
type walk struct {
	Began int64         `json:"t"` // Unix time in seconds
	Seqs  [shards]int64 `json:"s"` // of the index, at that time

	Number int  `json:"n"` // of the page
	Back   bool `json:"b"` // the page ends before the place; otherwise it begins there
	// The place is a row, which may have been deleted; without an ID, the page
	// is found by its number.
	ID      string `json:"i"`
	Name    string `json:"k"`
	Created int64  `json:"c"`
}

// bound is the list that a cursor is valid for.
func (p Page) bound(c collection) []byte {
	data, _ := json.Marshal([]any{c.name, p.Name, p.SortBy, p.Desc}) // checked to be UTF-8 before
	return data
}

// cursors seals cursors, so that a caller can neither read names in them that it
// may not list, nor forge one.
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

// openWalk returns the walk of a cursor, or a new walk at the page that is asked
// for.
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
		return walk{}, invalid("cursor", "does not belong to this list: start again without a cursor")
	}
	if s.now().Unix()-w.Began > int64(walkFor/time.Second) {
		return walk{}, invalid("cursor", "has expired: start again without a cursor")
	}
	return w, nil
}

package projects

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/store"
)

const (
	shards = 32 // documents that an index is spread over; never changes
	// MaxRows is how many projects there may be, or API keys of one project:
	// fewer if their names are long.
	MaxRows  = 100_000
	maxShard = 400 << 10 // bytes; stores take documents of 512 KiB

	// formerNames and formerFor bound how many former names a row keeps, and how
	// long. Cursors, which need them, expire sooner.
	formerNames = 32
	formerFor   = 2 * time.Hour
)

// collection is the kind of documents that an index lists.
type collection struct {
	name   string // of the index; part of documents' names
	prefix string // of the ids in it
}

var allProjects = collection{"projects", projectPrefix}

func keysOf(projectID string) collection {
	return collection{"keys_" + strings.TrimPrefix(projectID, projectPrefix), apiKeyPrefix}
}

// shardOf is the shard that has an id's row.
func shardOf(id string) int { sum := sha256.Sum256([]byte(id)); return int(sum[0]) % shards }

func (c collection) document(shard int) string {
	return fmt.Sprintf("index/%s_%02d", c.name, shard)
}

// shard is one document of an index. Its members' names are short because
// there are so many of them.
type shard struct {
	// Seq counts the writes of this shard. It orders them independently of the
	// writers' clocks.
	Seq  int64 `json:"seq"`
	Rows []row `json:"rows"`
}

// row is what a list needs of a document without reading it.
type row struct {
	Own     string   `json:"i"`          // the id, without the collection's prefix
	Name    string   `json:"n"`          //
	Created int64    `json:"c"`          // Unix time in microseconds
	Since   int64    `json:"s"`          // Seq of the write that added the row
	Version int64    `json:"v"`          // of the document with this name
	Former  []former `json:"f,omitzero"` // oldest first
}

// former is a previous name of a row.
type former struct {
	Name  string `json:"n"`
	Until int64  `json:"u"` // Seq of the write that ended it
	At    int64  `json:"t"` // when that was: Unix time in seconds
}

// nameAt is the row's name when its shard was at seq.
func (r *row) nameAt(seq int64) string {
	for _, f := range r.Former {
		if seq < f.Until {
			return f.Name
		}
	}
	return r.Name
}

// rename gives the row the name of a newer version of its document.
func (r *row) rename(name string, version, seq int64, now time.Time) {
	if r.Name != name {
		r.Former = append(r.Former, former{Name: r.Name, Until: seq, At: now.Unix()})
	}
	r.Name, r.Version = name, version
	r.forget(now)
}

// forget drops former names that no valid cursor needs.
func (r *row) forget(now time.Time) {
	oldest := now.Add(-formerFor).Unix()
	r.Former = slices.DeleteFunc(r.Former, func(f former) bool { return f.At < oldest })
	if extra := len(r.Former) - formerNames; extra > 0 {
		r.Former = slices.Delete(r.Former, 0, extra)
	}
}

func (c collection) own(id string) string { return strings.TrimPrefix(id, c.prefix) }

// id is the whole id. newID made all but [Default] and [EnvironmentAdmin].
func (c collection) id(r *row) string {
	if len(r.Own) == idLength {
		return c.prefix + r.Own
	}
	return r.Own
}

// loadIndex reads every shard of an index.
func (s *Store) loadIndex(ctx context.Context, c collection) (*[shards]shard, error) {
	var all [shards]shard
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range all {
		group.Go(func() error {
			_, err := s.readOnly(ctx, c.document(i), &all[i])
			if errors.Is(err, store.ErrNotFound) {
				return nil // the shard never had a row
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("read index %s: %w", c.name, err)
	}
	if c == allProjects && s.DefaultProject == nil {
		hideDefault(&all)
	}
	if c == adminKeys && s.AdminKeySet {
		addEnvironmentAdmin(&all)
	}
	return &all, nil
}

// changeShard applies a change to the shard of an id, and again after a conflict
// with another process. Change reports whether there is anything to write.
func (s *Store) changeShard(ctx context.Context, c collection, id string, change func(*shard) (bool, error)) error {
	n := shardOf(id)
	select {
	case s.shardLocks[n] <- struct{}{}:
		defer func() { <-s.shardLocks[n] }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	name := c.document(n)
	return retryConflicts("change index "+c.name, func() error {
		var held shard
		version, err := s.readForUpdate(ctx, name, &held)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		held.Seq++
		if changed, err := change(&held); err != nil || !changed {
			return err
		}
		data, err := json.Marshal(held)
		if err != nil {
			return fmt.Errorf("encode %s: not UTF-8", name)
		}
		if len(data) > maxShard {
			return errFull
		}
		_, err = s.write(ctx, name, data, version)
		return err
	})
}

var errFull = &keyrotation.Guard{Why: fmt.Sprintf("the list is full: it holds at most %d items, fewer if their names are long", MaxRows)}

// entry is the part of a document that its row shows.
type entry struct {
	id, name string
	created  time.Time
	version  int64
}

// addRow makes sure that the index has a document's row with the name of this
// version. A row of a newer version stays unchanged. Renamed says that this version
// changed the name, so that the row must record it even if its name is the same.
func (s *Store) addRow(ctx context.Context, c collection, of entry, renamed bool) error {
	return s.changeShard(ctx, c, of.id, func(held *shard) (bool, error) {
		if at := held.find(c.own(of.id)); at >= 0 {
			found := &held.Rows[at]
			if found.Version >= of.version || found.Name == of.name && !renamed {
				return false, nil
			}
			found.rename(of.name, of.version, held.Seq, s.now())
			return true, nil
		}
		if len(held.Rows) >= MaxRows/shards {
			return false, errFull
		}
		held.Rows = append(held.Rows, row{
			Own: c.own(of.id), Name: of.name, Created: of.created.UnixMicro(), Since: held.Seq, Version: of.version,
		})
		return true, nil
	})
}

// dropRow makes sure that the index has no row of an id.
func (s *Store) dropRow(ctx context.Context, c collection, id string) error {
	return s.changeShard(ctx, c, id, func(held *shard) (bool, error) {
		at := held.find(c.own(id))
		if at < 0 {
			return false, nil
		}
		held.Rows = slices.Delete(held.Rows, at, at+1)
		return true, nil
	})
}

func (h *shard) find(own string) int {
	return slices.IndexFunc(h.Rows, func(r row) bool { return r.Own == own })
}

// ids returns every id of an index.
func (c collection) ids(all *[shards]shard) (ids []string) {
	for i := range all {
		for j := range all[i].Rows {
			ids = append(ids, c.id(&all[i].Rows[j]))
		}
	}
	return ids
}

// count is the number of rows whose name contains a text.
func (s *Store) count(ctx context.Context, c collection, name string) (int, error) {
	wanted, err := newFilter(name)
	if err != nil {
		return 0, err
	}
	all, err := s.loadIndex(ctx, c)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range all {
		for _, r := range all[i].Rows {
			if wanted.matches(r.Name) {
				n++
			}
		}
	}
	return n, nil
}

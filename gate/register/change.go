package register

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"playtoken/store"
)

// maxTries bounds how often a change begins again because other gates changed
// the document first. Each time one of them got its change done.
const maxTries = 50

// begin makes the document what this gate needs.
func (r *Register) begin(ctx context.Context) error {
	c := r.config
	own := durations{Session: seconds(c.Session), Staleness: seconds(c.Staleness), Skew: seconds(c.Skew)}
	err := r.update(ctx, maxDocument, true, func(s *state) error {
		s.begin(own, c.Earlier, c.Now())
		return nil
	})
	if err == nil {
		r.begun.Store(true)
	}
	return err
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// write makes a change of the key API.
func (r *Register) write(ctx context.Context, limit int, change func(*state) error) error {
	return r.update(ctx, limit, false, change)
}

// update reads the document, changes it and writes it back, again and again
// while other gates write it first. When update returns nil, the store has the
// change. A document that does not exist is made only if create is set: if
// it is lost, an empty one in its place would refuse every viewer for good.
func (r *Register) update(ctx context.Context, limit int, create bool, change func(*state) error) error {
	r.change.Lock()
	defer r.change.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for range maxTries {
		began := time.Now()
		doc, err := r.config.Documents.Read(ctx, Document)
		if err != nil && !(create && errors.Is(err, store.ErrNotFound)) {
			return lost(err)
		}
		next := &state{}
		if doc.Version > 0 {
			if next, err = decode(doc.Data); err != nil {
				return err
			}
		}
		if err := change(next); err != nil {
			return err
		}
		data, err := next.encode(limit)
		if err != nil {
			return err
		}
		version := doc.Version
		if !bytes.Equal(data, doc.Data) {
			version, err = r.commit(ctx, data, doc.Version)
		}
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = r.show(version, began, next)
		return err
	}
	return fmt.Errorf("%w: other gates change the register all the time", store.ErrUnavailable)
}

// commit writes the document. If the answer is lost, it looks whether the store
// has what was written.
func (r *Register) commit(ctx context.Context, data []byte, version int64) (int64, error) {
	written, err := r.config.Documents.Write(ctx, Document, data, version)
	if err == nil || errors.Is(err, store.ErrConflict) {
		return written, err
	}
	doc, again := r.config.Documents.Read(ctx, Document)
	if again == nil && doc.Version == version+1 && bytes.Equal(doc.Data, data) {
		return doc.Version, nil
	}
	return 0, lost(err)
}

// lost says that the store is away, for an error of any kind. A document that
// has gone is no exception: it is for the operator to restore.
func lost(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: the document %s has gone", store.ErrUnavailable, Document)
	}
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// read reads the document, and answers viewers from it from here on.
func (r *Register) read(ctx context.Context) (*view, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	doc, err := r.config.Documents.Read(ctx, Document)
	if err != nil {
		return nil, lost(err)
	}
	if r.current.Load().version == doc.Version {
		return r.show(doc.Version, began, nil)
	}
	s, err := decode(doc.Data)
	if err != nil {
		return nil, err
	}
	return r.show(doc.Version, began, s)
}

// show makes a view of what was read. Viewers are answered from it unless what
// they are answered from already was read later, or is newer.
func (r *Register) show(version int64, began time.Time, s *state) (v *view, err error) {
	r.showing.Lock()
	defer r.showing.Unlock()
	last := r.current.Load()
	switch {
	case last.version == version:
		v = last.again(began)
	case s == nil: // it was this version when it was read
		return last, nil
	default:
		if v, err = newView(version, began, s, last); err != nil {
			return nil, err
		}
		for _, c := range s.Cutoffs {
			r.stamps.see(c.At.UnixMicro())
		}
	}
	if began.After(last.read) || version > last.version {
		r.current.Store(v)
	}
	return v, nil
}

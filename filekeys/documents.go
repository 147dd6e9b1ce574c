package filekeys

import (
	"context"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"playtoken/store"
)

var _ store.Documents = (*Store)(nil)

// Read implements [store.Documents].
func (s *Store) Read(ctx context.Context, name string) (store.Document, error) {
	var doc store.Document
	err := checkName(documentName, name)
	if err == nil {
		err = s.view(ctx, func(tx *bolt.Tx, by *sealing) (err error) {
			doc, err = by.document(tx, name)
			return err
		})
	}
	if err == nil && doc.Version == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Document{}, fmt.Errorf("read %.60q: %w", name, err)
	}
	return doc, nil
}

// Write implements [store.Documents]. The data is on the disk when it returns.
func (s *Store) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	err := checkName(documentName, name)
	if err == nil {
		err = s.update(ctx, func(tx *bolt.Tx, by *sealing) error {
			current, err := by.document(tx, name)
			if err != nil {
				return err
			}
			if current.Version != version {
				return store.ErrConflict
			}
			return put(tx, bucketDocuments, name, by.sealDocument(name, data, version+1))
		})
	}
	if err != nil {
		return 0, fmt.Errorf("write %.60q: %w", name, err)
	}
	return version + 1, nil
}

// Delete implements [store.Documents]. It is one transaction: if ctx ends, the
// document is deleted or unchanged.
func (s *Store) Delete(ctx context.Context, name string) error {
	err := checkName(documentName, name)
	if err == nil {
		err = s.update(ctx, func(tx *bolt.Tx, _ *sealing) error { return remove(tx, bucketDocuments, name) })
	}
	if err != nil {
		return fmt.Errorf("delete %.60q: %w", name, err)
	}
	return nil
}

// document returns the document. Version 0 means that it does not exist.
func (s *sealing) document(tx *bolt.Tx, name string) (store.Document, error) {
	sealed, err := get(tx, bucketDocuments, name)
	if err != nil || sealed == nil {
		return store.Document{}, err
	}
	text, err := s.unseal(place(bucketDocuments, name), sealed)
	if err != nil {
		return store.Document{}, err
	}
	if len(text) < 8 {
		return store.Document{}, fmt.Errorf("%w: %s", ErrDamaged, name)
	}
	return store.Document{Data: text[8:], Version: int64(binary.BigEndian.Uint64(text))}, nil
}

// sealDocument seals the version together with the data, so that neither can
// be altered without the other.
func (s *sealing) sealDocument(name string, data []byte, version int64) []byte {
	text := binary.BigEndian.AppendUint64(nil, uint64(version))
	return s.seal(place(bucketDocuments, name), append(text, data...))
}

package keyrotation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"playtoken/store"
)

// The types in this file are the ring as its document has it. A key's kind is the
// only difference: one of RSA is written as "bits" alone, as it was when there was
// no other, so that an earlier version goes on rotating rings that have no other.
// The member "kind" keeps it from writing one that has, and its signers go on
// while an RSA key is active.

// storedKind is a kind in the document.
type storedKind struct {
	Bits int        `json:"bits,omitzero"` // of RSA
	Kind store.Kind `json:"kind,omitzero"` // every other
}

func storeKind(kind store.Kind) storedKind {
	if store.RSAKind(kind.Bits()) == kind {
		return storedKind{Bits: kind.Bits()}
	}
	return storedKind{Kind: kind}
}

// kind is the kind that is meant; "" for a size that our stores do not make.
func (s storedKind) kind() store.Kind {
	if s.Kind != "" {
		return s.Kind
	}
	return store.RSAKind(s.Bits)
}

// Each embeds what it stores, whose other members are written as they are; the
// members of an outer struct hide those of the same name.
type (
	storedKey struct {
		Key
		storedKind
	}
	storedSpec struct {
		KeySpec
		storedKind
	}
	storedRing struct {
		Ring
		Spec storedSpec  `json:"spec,omitzero"`
		Keys []storedKey `json:"keys"`
	}
)

// Encode returns the document.
func (r *Ring) Encode() ([]byte, error) {
	stored := storedRing{Ring: *r, Spec: storedSpec{KeySpec: r.Spec, storedKind: storeKind(r.Spec.Kind)}}
	stored.Keys = make([]storedKey, 0, len(r.Keys))
	for _, k := range r.Keys {
		stored.Keys = append(stored.Keys, storedKey{Key: k, storedKind: storeKind(k.Kind)})
	}
	data, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("encode ring: %w", err)
	}
	return data, nil
}

// DecodeRing decodes a document that the caller will write again. Members and
// kinds of keys that are unknown are an error: a newer version wrote them, and
// this one would lose what they say about the keys.
func DecodeRing(doc store.Document) (Ring, error) {
	ring, err := decodeRing(doc, (*json.Decoder).DisallowUnknownFields)
	if err != nil {
		return Ring{}, err
	}
	kinds := []store.Kind{ring.Spec.Kind}
	for _, k := range ring.Keys {
		kinds = append(kinds, k.Kind)
	}
	for _, kind := range kinds {
		if kind != "" && !kind.Known() {
			return Ring{}, fmt.Errorf("decode ring: unknown kind of key %.20q", kind)
		}
	}
	return ring, nil
}

// ReadRing decodes a document that the caller only reads. It ignores unknown
// members, so that signers of an older version go on while a newer one is rolled
// out. An unknown state is still an error.
func ReadRing(doc store.Document) (Ring, error) { return decodeRing(doc, func(*json.Decoder) {}) }

func decodeRing(doc store.Document, prepare func(*json.Decoder)) (Ring, error) {
	var stored storedRing
	dec := json.NewDecoder(bytes.NewReader(doc.Data))
	prepare(dec)
	if err := dec.Decode(&stored); err != nil {
		return Ring{}, fmt.Errorf("decode ring: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Ring{}, errors.New("decode ring: unexpected data after the document")
	}
	r := stored.ring()
	r.Version = doc.Version
	if err := r.check(); err != nil {
		return Ring{}, fmt.Errorf("decode ring: %w", err)
	}
	return r, nil
}

func (s storedRing) ring() Ring {
	r := s.Ring
	r.Spec = s.Spec.KeySpec
	r.Spec.Kind = s.Spec.kind()
	if s.Keys != nil {
		r.Keys = make([]Key, 0, len(s.Keys))
	}
	for _, stored := range s.Keys {
		k := stored.Key
		k.Kind = stored.kind()
		r.Keys = append(r.Keys, k)
	}
	return r
}

package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"playtoken/store"
)

// maxDocument leaves room for the encoding: Vault refuses strings, and Raft
// refuses entries, of more than 1 MiB.
const (
	maxDocument = 512 << 10
	maxText     = 768 << 10
)

var documentName = regexp.MustCompile(`^[a-z]{1,32}/[a-z0-9_]{7,40}$`)

// content is a KV entry: the document as one string, so that reading returns the
// bytes that were written. A document that is not UTF-8, or too long as a JSON
// string, is stored as Binary; others stay readable for an operator.
type content struct {
	Text   *string `json:"document,omitzero"`
	Binary []byte  `json:"document_base64,omitzero"`
}

type version struct {
	Version int64 `json:"version"`
}

type casWrite struct {
	Options struct {
		CAS int64 `json:"cas"`
	} `json:"options"`
	Data content `json:"data"`
}

func newContent(data []byte) content {
	text := string(data)
	// Vault escapes HTML and JavaScript characters when it stores the entry.
	encoded, err := json.Marshal(text, jsontext.EscapeForHTML(true), jsontext.EscapeForJS(true))
	if err != nil || len(encoded) > maxText { // an error: the data is not UTF-8
		return content{Binary: data}
	}
	return content{Text: &text}
}

// Read implements store.Documents. A document that an operator deleted in Vault
// does not exist.
//
// In a cluster of the open-source Vault, every node forwards reads to the active
// one. A performance standby of Vault Enterprise, or an OpenBao standby that
// serves reads, returns what this process wrote (see seen), but of what others wrote
// perhaps an old version: where there are such nodes, VAULT_ADDR must be the active
// node. (There is a header that requests forwarding, but a Vault that is not
// configured for it refuses the request.)
func (s *Store) Read(ctx context.Context, name string) (store.Document, error) {
	if !documentName.MatchString(name) {
		return store.Document{}, fmt.Errorf("read document: %.60q is not a valid name of a document", name)
	}
	r := request{method: http.MethodGet, path: s.kv + "/data/" + name, timeout: s.timeout}
	doc, err := s.read(ctx, r)
	if err != nil {
		return store.Document{}, fmt.Errorf("read document %s: %w", name, err)
	}
	return doc, nil
}

func (s *Store) read(ctx context.Context, r request) (store.Document, error) {
	body, err := s.send(ctx, r)
	if err != nil {
		return store.Document{}, err
	}
	entry, err := decode[struct {
		Data     *content `json:"data"`
		Metadata version  `json:"metadata"`
	}](r, body)
	if err != nil {
		return store.Document{}, err
	}
	if entry.Data == nil || entry.Metadata.Version < 1 {
		return store.Document{}, fmt.Errorf("vault: %s: the response has no version; the mount must be a KV engine of version 2", r.path)
	}
	data, err := entry.Data.bytes()
	if err != nil {
		return store.Document{}, fmt.Errorf("vault: %s: %w", r.path, err)
	}
	return store.Document{Data: data, Version: entry.Metadata.Version}, nil
}

func (c content) bytes() ([]byte, error) {
	switch {
	case c.Text != nil && c.Binary == nil:
		return []byte(*c.Text), nil
	case c.Text == nil && c.Binary != nil:
		return c.Binary, nil
	}
	return nil, errors.New("the entry was not written by playtoken")
}

// Write implements store.Documents. A write that has begun continues when ctx
// ends: if it were abandoned, it could take effect after the caller has read
// the document to find out.
func (s *Store) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	switch {
	case !documentName.MatchString(name):
		return 0, fmt.Errorf("write document: %.60q is not a valid name of a document", name)
	case len(data) > maxDocument:
		return 0, fmt.Errorf("write document %s: %d bytes, at most %d", name, len(data), maxDocument)
	case version < 0:
		return 0, fmt.Errorf("write document %s: version %d", name, version)
	}
	written, err := s.write(ctx, name, data, version)
	if version == 0 && errors.Is(err, store.ErrConflict) {
		// Nothing was written, but the document may not exist: one that an
		// operator deleted in Vault keeps its version number, which KV expects.
		if deleted := s.deletedVersion(ctx, name); deleted > 0 {
			written, err = s.write(ctx, name, data, deleted)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("write document %s: %w", name, err)
	}
	return written, nil
}

func (s *Store) write(ctx context.Context, name string, data []byte, cas int64) (int64, error) {
	w := casWrite{Data: newContent(data)}
	w.Options.CAS = cas
	r := request{method: http.MethodPut, path: s.kv + "/data/" + name, body: w, timeout: s.timeout, detached: true}
	body, err := s.send(ctx, r)
	if isConflict(err) {
		return 0, fmt.Errorf("version %d: %w", cas, store.ErrConflict)
	}
	if err != nil {
		return 0, err
	}
	written, err := decode[version](r, body)
	if err != nil {
		return 0, err
	}
	if written.Version != cas+1 {
		return 0, r.unconfirmed(fmt.Errorf("version %d after %d", written.Version, cas))
	}
	return written.Version, nil
}

// isConflict reports whether the check of the version failed, or a replica that
// is behind refused to make it. In both cases nothing was written.
func isConflict(err error) bool {
	if isBehind(err) {
		return true
	}
	message, refused := refusal(err)
	return refused && strings.Contains(message, "check-and-set parameter did not match")
}

// Delete implements store.Documents. It removes the document and its version
// numbers for good. It continues when ctx ends: Vault removes the versions
// before the metadata, and might leave the metadata if the request were
// abandoned.
func (s *Store) Delete(ctx context.Context, name string) error {
	if !documentName.MatchString(name) {
		return fmt.Errorf("delete document: %.60q is not a valid name of a document", name)
	}
	_, err := s.send(ctx, request{
		method: http.MethodDelete, path: s.kv + "/metadata/" + name, timeout: max(s.timeout, destroyTimeout), detached: true,
	})
	if err == nil {
		// An empty response may come from a proxy, so it is no confirmation.
		_, err = s.Read(context.WithoutCancel(ctx), name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err == nil:
			err = fmt.Errorf("vault confirmed the deletion, but the document still exists: %w", store.ErrUnavailable)
		}
	}
	return fmt.Errorf("delete document %s: %w", name, err)
}

// deletedVersion returns the version of a document that an operator deleted in
// Vault, or 0 if there is no such document.
func (s *Store) deletedVersion(ctx context.Context, name string) int64 {
	_, err := s.send(ctx, request{method: http.MethodGet, path: s.kv + "/data/" + name, timeout: s.timeout})
	var f *failure
	if !errors.As(err, &f) || !errors.Is(err, store.ErrNotFound) {
		return 0
	}
	var response struct {
		Data struct {
			Metadata version `json:"metadata"`
		} `json:"data"`
	}
	if json.Unmarshal(f.body, &response) != nil {
		return 0
	}
	return response.Data.Metadata.Version
}

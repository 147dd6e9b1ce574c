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

// maxDocument leaves room for what JSON and Vault add: Vault refuses a string,
// and Raft an entry, of more than 1 MiB.
const (
	maxDocument = 512 << 10
	maxText     = 768 << 10
)

var documentName = regexp.MustCompile(`^[a-z]{1,32}/[a-z0-9_]{7,40}$`)

// content is what a KV entry holds: the document as one string, so that its
// bytes come back as they went in. Text keeps it readable for an operator; what
// is not text, or grows too long as JSON, goes into the other member.
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
	// Vault escapes more than it has to when it stores it.
	encoded, err := json.Marshal(text, jsontext.EscapeForHTML(true), jsontext.EscapeForJS(true))
	if err != nil || len(encoded) > maxText { // an error means: not UTF-8
		return content{Binary: data}
	}
	return content{Text: &text}
}

// Read implements store.Documents. A document that somebody deleted by
// hand is not there.
//
// Every node of a Vault cluster that is open source hands a read to the active
// one. A performance standby of Vault Enterprise, or an OpenBao standby that
// serves reads, answers itself and may be behind: where there are such nodes,
// VAULT_ADDR has to lead to the active one. (There is a header that asks for
// it, but a Vault that was not configured for it refuses the request.)
func (s *Store) Read(ctx context.Context, name string) (store.Document, error) {
	if !documentName.MatchString(name) {
		return store.Document{}, fmt.Errorf("read document: %.60q is not a document's name", name)
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
		return store.Document{}, fmt.Errorf("vault: %s: no version in the answer: is the mount KV version 2?", r.path)
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
	return nil, errors.New("not written by playtoken")
}

// Write implements store.Documents. A write that has begun is not given
// up when ctx ends: given up, it could still land after the caller has read
// again to see what became of it.
func (s *Store) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	switch {
	case !documentName.MatchString(name):
		return 0, fmt.Errorf("write document: %.60q is not a document's name", name)
	case len(data) > maxDocument:
		return 0, fmt.Errorf("write document %s: %d bytes, at most %d", name, len(data), maxDocument)
	case version < 0:
		return 0, fmt.Errorf("write document %s: version %d", name, version)
	}
	written, err := s.write(ctx, name, data, version)
	if version == 0 && errors.Is(err, store.ErrConflict) {
		// Nothing was written. It may be that there is no document all the
		// same: one that was deleted by hand keeps its version number, and KV
		// wants to see that.
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
	r := request{method: http.MethodPut, path: s.kv + "/data/" + name, body: w, timeout: s.timeout, whole: true}
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
		return 0, r.unanswered(fmt.Errorf("version %d after %d", written.Version, cas))
	}
	return written.Version, nil
}

// isConflict: the check failed, or a replica that is behind would not even
// make it. Both wrote nothing.
func isConflict(err error) bool {
	var f *failure
	if errors.As(err, &f) && f.status == http.StatusPreconditionFailed && f.said != "" {
		return true
	}
	said, refused := refusal(err)
	return refused && strings.Contains(said, "check-and-set parameter did not match")
}

// Delete removes a document for good, its version numbers included; it is a
// success if there is none. It has a deadline of its own: Vault removes first
// the versions and then what it knows about them, and could leave half of that
// behind when the request for it was given up.
func (s *Store) Delete(ctx context.Context, name string) error {
	if !documentName.MatchString(name) {
		return fmt.Errorf("delete document: %.60q is not a document's name", name)
	}
	_, err := s.send(ctx, request{
		method: http.MethodDelete, path: s.kv + "/metadata/" + name, timeout: max(s.timeout, destroyTimeout), whole: true,
	})
	if err == nil {
		// An empty answer is what anybody could send in Vault's place.
		_, err = s.Read(context.WithoutCancel(ctx), name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err == nil:
			err = fmt.Errorf("vault says it is deleted and still shows it: %w", store.ErrUnavailable)
		}
	}
	return fmt.Errorf("delete document %s: %w", name, err)
}

// deletedVersion returns the version of a document that was deleted by hand;
// 0 if it was not.
func (s *Store) deletedVersion(ctx context.Context, name string) int64 {
	_, err := s.send(ctx, request{method: http.MethodGet, path: s.kv + "/data/" + name, timeout: s.timeout})
	var f *failure
	if !errors.As(err, &f) || !errors.Is(err, store.ErrNotFound) {
		return 0
	}
	var answer struct {
		Data struct {
			Metadata version `json:"metadata"`
		} `json:"data"`
	}
	if json.Unmarshal(f.body, &answer) != nil {
		return 0
	}
	return answer.Data.Metadata.Version
}

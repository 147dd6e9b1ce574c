package keyrotation

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"playtoken/store"
)

// IssuedKey is a key that a platform made for us. The platform shows its value
// once; this type never prints it.
type IssuedKey struct {
	ID    string
	Value []byte `json:"-"`
}

// Format implements fmt.Formatter, so that no verb prints the value.
func (k IssuedKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.ID+" [redacted]") }

// Issuer is a platform that makes keys for us, instead of taking our public
// keys. The identity of such a key is the name that we give it, of at most 50
// characters. After a key may have been made under a name, the name is not used
// again. Errors are those of a [Registrar].
type Issuer interface {
	// Issue asks for a key under a name, with exactly one request. If the
	// response is lost, so is the value: the caller deletes such a key and asks
	// for another one under another name.
	Issue(ctx context.Context, name string) (IssuedKey, error)

	// List returns every key of the account, or an error; never a part of the
	// list. PublicKey and Fingerprint are empty.
	List(ctx context.Context) ([]PlatformKey, error)

	// Get returns what the platform says about one id, or store.ErrNotFound.
	Get(ctx context.Context, keyID string) (PlatformKey, error)

	// Delete succeeds if the platform has no such key.
	Delete(ctx context.Context, keyID string) error
}

// IssuedName is the name of the document that holds the value of an issued
// key, by the key's store name.
func IssuedName(storeName string) string { return "issued/" + storeName }

// issuedDocument is that document. It is empty until the value is known.
type issuedDocument struct {
	ID    string `json:"key_id,omitempty"`
	Value []byte `json:"value,omitempty"`
}

func (k IssuedKey) encode() []byte {
	data, _ := json.Marshal(issuedDocument(k)) // cannot fail for a string and bytes
	return data
}

// ReadIssued returns the value of an issued key, such as the active one of a
// ring. Errors: store.ErrNotFound if the store does not hold it, those of
// [store.Documents]. A caller that reads the value again with every new view of
// the ring never uses it after its key is gone; see [Durations].
func ReadIssued(ctx context.Context, documents store.Documents, k Key) (IssuedKey, error) {
	doc, err := documents.Read(ctx, IssuedName(k.StoreName))
	if err != nil {
		return IssuedKey{}, fmt.Errorf("read value of generation %d: %w", k.Generation, err)
	}
	var d issuedDocument
	// The error must not quote a document that may hold a secret.
	if json.Unmarshal(doc.Data, &d) != nil || len(d.Value) == 0 || d.ID == "" || d.ID != k.KeyID {
		return IssuedKey{}, fmt.Errorf("read value of generation %d: %w", k.Generation, store.ErrNotFound)
	}
	return IssuedKey(d), nil
}

package keyrotation

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"playtoken/store"
)

// IssuedKey is a key that a platform made for us. Its value is shown once, and
// never by this type.
type IssuedKey struct {
	ID    string
	Value []byte `json:"-"`
}

// Format implements fmt.Formatter: no verb shows the value.
func (k IssuedKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.ID+" [redacted]") }

// Issuer is a platform that makes keys for us, instead of taking our public
// keys. The identity of such a key is the name that we give it, which is made
// by this package, at most 50 characters. Once a key may have been made under
// a name, the name is not used again. Errors are as those of a [Registrar].
type Issuer interface {
	// Issue asks for a key under a name, by exactly one request. If its answer
	// is lost, so is the value: such a key is deleted, and another one asked
	// for under another name.
	Issue(ctx context.Context, name string) (IssuedKey, error)

	// List returns every key of the account, or an error: never a part. What
	// it returns has no PublicKey; Fingerprint is empty.
	List(ctx context.Context) ([]PlatformKey, error)

	// Get returns what the platform says about one id, or store.ErrNotFound.
	Get(ctx context.Context, keyID string) (PlatformKey, error)

	// Delete is a success if the platform has no such key.
	Delete(ctx context.Context, keyID string) error
}

// IssuedName is the name of the document that holds the value of an issued
// key, by the key's store name.
func IssuedName(storeName string) string { return "issued/" + storeName }

// issuedDocument is that document: empty before there is a value, and after.
type issuedDocument struct {
	ID    string `json:"key_id,omitempty"`
	Value []byte `json:"value,omitempty"`
}

func (k IssuedKey) encode() []byte {
	data, _ := json.Marshal(issuedDocument(k)) // a string and bytes: always possible
	return data
}

// ReadIssued returns the value of an issued key, such as the active one of a
// ring. Errors: store.ErrNotFound if the store does not hold it, those of
// [store.Documents]. A value that is read again with every new view of the ring is
// never used after its key is gone; see [Durations].
func ReadIssued(ctx context.Context, documents store.Documents, k Key) (IssuedKey, error) {
	doc, err := documents.Read(ctx, IssuedName(k.StoreName))
	if err != nil {
		return IssuedKey{}, fmt.Errorf("read value of generation %d: %w", k.Generation, err)
	}
	var d issuedDocument
	// What cannot be read is not held, and not quoted in an error either.
	if json.Unmarshal(doc.Data, &d) != nil || len(d.Value) == 0 || d.ID == "" || d.ID != k.KeyID {
		return IssuedKey{}, fmt.Errorf("read value of generation %d: %w", k.Generation, store.ErrNotFound)
	}
	return IssuedKey(d), nil
}

// valueLost is why an issued key is given up.
const valueLost = "the platform's answer was lost, and with it the key's value"

// forsake: whether its request arrived or not, nobody will ever know the value
// of this key. Before the settle time whoever asked may still be about to hear
// it; after it nobody is, and the key goes like any other that was never used:
// it is looked for by its name, deleted, and remembered. The next one has
// another name, so an answer that is late is never taken for it.
func (p *planner) forsake(k Key, settled time.Time) {
	if p.after(settled, Discard, k, valueLost) {
		p.add(Discard, k, p.now, valueLost)
	}
}

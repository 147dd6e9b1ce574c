package filekeys

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"

	"playtoken/secret"
)

// workFactor sets the cost of trying a password to 2^15 rounds of scrypt: 32 MB
// and about 0.1 s on one core, once for every command.
const workFactor = 15

// newDataKey generates the key that encrypts the values of a file, and returns it
// encrypted with the password. It is stored in no other form.
func newDataKey(password secret.Value, work int) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(password.Reveal())
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(work)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipient)
	if err != nil {
		return nil, err
	}
	key := make([]byte, chacha20poly1305.KeySize)
	rand.Read(key) // never fails
	if _, err := w.Write(key); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// sealing encrypts and decrypts the values of a file, as long as the file has the
// header that its key was read from.
type sealing struct {
	header []byte // the data key, encrypted with the password
	aead   cipher.AEAD
}

// unwrap decrypts the data key in a header. Errors: ErrPassword, ErrDamaged.
func unwrap(header []byte, password secret.Value) (*sealing, error) {
	identity, err := age.NewScryptIdentity(password.Reveal())
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(workFactor) // a forged header cannot ask for more
	r, err := age.Decrypt(bytes.NewReader(header), identity)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, ErrPassword
	}
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrDamaged, err)
	}
	key, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrDamaged, err)
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrDamaged, err)
	}
	return &sealing{header: header, aead: aead}, nil
}

// seal encrypts a text and returns a random nonce with the result. The place, a
// bucket and a name, is authenticated, so that a value moved to another place
// does not decrypt.
func (s *sealing) seal(place string, text []byte) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(text)+s.aead.Overhead())
	rand.Read(nonce) // never fails; 24 random bytes never repeat
	return s.aead.Seal(nonce, nonce, text, []byte(place))
}

// unseal is the inverse of seal. Its result shares no memory with sealed.
func (s *sealing) unseal(place string, sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, place)
	}
	text, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(place))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, place)
	}
	return text, nil
}

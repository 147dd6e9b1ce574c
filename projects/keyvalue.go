package projects

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"playtoken/secret"
)

// The prefixes of values let secret scanners recognise a leaked one.
const (
	valuePrefix      = "pt_"  // of an API key
	adminValuePrefix = "pta_" // of an admin key
)

// newValue returns the value of a new key: a prefix, its id without the id's
// prefix, "_" and 260 random bits.
func newValue(prefix, id string) secret.Value {
	return secret.New(prefix + id[len(id)-idLength:] + "_" + randomText(secretLength))
}

// ParseValue returns the id of the API key in a value. The key need not exist.
func ParseValue(value secret.Value) (id string, ok bool) {
	return parseValue(value, valuePrefix, apiKeyPrefix)
}

// ParseAdminValue returns the id of the admin key in a value. The key need not
// exist.
func ParseAdminValue(value secret.Value) (id string, ok bool) {
	return parseValue(value, adminValuePrefix, adminKeyPrefix)
}

func parseValue(value secret.Value, prefix, idPrefix string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(value.Reveal(), prefix)
	if !ok || len(rest) != idLength+1+secretLength || rest[idLength] != '_' {
		return "", false
	}
	own, random := rest[:idLength], rest[idLength+1:]
	if !isBase32(own) || !isBase32(random) {
		return "", false
	}
	return idPrefix + own, true
}

func isBase32(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// hash is what is stored of a value. A reader of the documents can neither present
// it nor, without the deployment's secret, guess values with it.
func (s *Store) hash(ctx context.Context, value secret.Value) ([]byte, error) {
	key, err := s.Secret(ctx, "api key")
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(value.Reveal()))
	return mac.Sum(nil), nil
}

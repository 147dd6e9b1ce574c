package projects

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"playtoken/secret"
)

// valuePrefix lets secret scanners recognise a leaked value.
const valuePrefix = "pt_"

// newValue returns the value of a new API key: "pt_", its id without the prefix,
// "_" and 260 random bits.
func newValue(id string) secret.Value {
	return secret.New(valuePrefix + strings.TrimPrefix(id, apiKeyPrefix) + "_" + randomText(secretLength))
}

// ParseValue returns the id of the API key in a value. The key need not exist.
func ParseValue(value secret.Value) (id string, ok bool) {
	rest, ok := strings.CutPrefix(value.Reveal(), valuePrefix)
	if !ok || len(rest) != idLength+1+secretLength || rest[idLength] != '_' {
		return "", false
	}
	own, random := rest[:idLength], rest[idLength+1:]
	if !isBase32(own) || !isBase32(random) {
		return "", false
	}
	return apiKeyPrefix + own, true
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

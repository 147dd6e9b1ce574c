package projects

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"playtoken/secret"
)

// valuePrefix makes a value that was left lying around known for what it is.
const valuePrefix = "pt_"

// newValue makes the value of an API key: "pt_", its id without the prefix,
// "_" and 260 bits of chance.
func newValue(id string) secret.Value {
	return secret.New(valuePrefix + strings.TrimPrefix(id, apiKeyPrefix) + "_" + randomText(secretLength))
}

// ParseValue returns the id of the API key that a value claims to be of. It
// says nothing about whether there is such a key.
func ParseValue(value secret.Value) (id string, ok bool) {
	rest, ok := strings.CutPrefix(value.Reveal(), valuePrefix)
	if !ok || len(rest) != idLength+1+secretLength || rest[idLength] != '_' {
		return "", false
	}
	own, chance := rest[:idLength], rest[idLength+1:]
	if !isBase32(own) || !isBase32(chance) {
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

// hash is what is stored of a value: nothing that could be presented, or tried
// out by who has the documents but not the deployment's secret.
func (s *Store) hash(ctx context.Context, value secret.Value) ([]byte, error) {
	key, err := s.Secret(ctx, "api key")
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(value.Reveal()))
	return mac.Sum(nil), nil
}

package projects

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strings"
)

// The prefixes of ids.
const (
	projectPrefix  = "project_"
	apiKeyPrefix   = "api_key_"
	adminKeyPrefix = "admin_key_"
)

// After its prefix, an id has 16 random characters and 10 of a MAC that only this
// deployment can compute. So an invented id is recognised without a read of the
// store.
const (
	randomLength = 16 // 80 bits
	idLength     = 26
	secretLength = 52 // 256 bits
)

var (
	base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	idForm      = regexp.MustCompile(`^[a-z0-9_]{7,40}$`) // may be part of a document's name
)

// newID returns a new id.
func (s *Store) newID(ctx context.Context, prefix string) (string, error) {
	random := randomText(randomLength)
	mark, err := s.mark(ctx, prefix, random)
	if err != nil {
		return "", err
	}
	return prefix + random + mark, nil
}

// genuine reports whether an id was made by newID.
func (s *Store) genuine(ctx context.Context, prefix, id string) (bool, error) {
	own, ok := strings.CutPrefix(id, prefix)
	if !ok || len(own) != idLength {
		return false, nil
	}
	mark, err := s.mark(ctx, prefix, own[:randomLength])
	return err == nil && hmac.Equal([]byte(mark), []byte(own[randomLength:])), err
}

func (s *Store) mark(ctx context.Context, prefix, random string) (string, error) {
	key, err := s.Secret(ctx, "ids")
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(prefix + random))
	return base32Lower.EncodeToString(mac.Sum(nil))[:idLength-randomLength], nil
}

// randomText returns random characters of base32, 5 bits each.
func randomText(length int) string {
	random := make([]byte, length*5/8+1)
	rand.Read(random) // never fails
	return base32Lower.EncodeToString(random)[:length]
}

// The names of documents.
func projectName(id string) string  { return "project/" + id }
func apiKeyName(id string) string   { return "apikey/" + id }
func adminKeyName(id string) string { return "adminkey/" + id }
func useName(id string) string {
	if id == EnvironmentAdmin { // too short for a name
		id = "environment_" + id
	}
	return "use/" + id
}
func originName(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return "origin/" + base32Lower.EncodeToString(sum[:])[:40]
}

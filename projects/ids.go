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

// What ids begin with.
const (
	projectPrefix = "project_"
	apiKeyPrefix  = "api_key_"
)

// An id's own part is 16 characters of chance and 10 that only we could have
// added. So ids that somebody makes up are known for what they are without
// asking the store, however many he tries.
const (
	chanceLength = 16 // 80 bits
	idLength     = 26
	secretLength = 52 // 256 bits
)

var (
	base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	anID        = regexp.MustCompile(`^[a-z0-9_]{7,40}$`) // may be part of a document's name
)

// newID makes an id.
func (s *Store) newID(ctx context.Context, prefix string) (string, error) {
	chance := randomText(chanceLength)
	mark, err := s.mark(ctx, prefix, chance)
	if err != nil {
		return "", err
	}
	return prefix + chance + mark, nil
}

// genuine reports whether an id was made by newID.
func (s *Store) genuine(ctx context.Context, prefix, id string) (bool, error) {
	own, ok := strings.CutPrefix(id, prefix)
	if !ok || len(own) != idLength {
		return false, nil
	}
	mark, err := s.mark(ctx, prefix, own[:chanceLength])
	return err == nil && hmac.Equal([]byte(mark), []byte(own[chanceLength:])), err
}

func (s *Store) mark(ctx context.Context, prefix, chance string) (string, error) {
	key, err := s.Secret(ctx, "ids")
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(prefix + chance))
	return base32Lower.EncodeToString(mac.Sum(nil))[:idLength-chanceLength], nil
}

// randomText is this many characters of base32, 5 bits each.
func randomText(length int) string {
	random := make([]byte, length*5/8+1)
	rand.Read(random) // never fails
	return base32Lower.EncodeToString(random)[:length]
}

// Names of documents.
func projectName(id string) string { return "project/" + id }
func apiKeyName(id string) string  { return "apikey/" + id }
func useName(id string) string     { return "use/" + id }
func originName(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return "origin/" + base32Lower.EncodeToString(sum[:])[:40]
}

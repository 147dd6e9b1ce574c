package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"

	"playtoken/secret"
)

// refreshToken is the content of a refresh token: its family, and its number in the
// family. Its text adds a MAC, and has one possible spelling.
type refreshToken struct {
	family  string
	counter int64
}

var refreshForm = regexp.MustCompile(`^ptr_([a-z2-7]{26})_(0|[1-9][0-9]{0,11})_([0-9a-f]{64})$`)

// format returns the token's text.
func (t refreshToken) format(key []byte) secret.Value {
	return secret.New(fmt.Sprintf("ptr_%s_%d_%s", t.family, t.counter, hex.EncodeToString(t.mac(key))))
}

func (t refreshToken) mac(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s_%d", t.family, t.counter)
	return mac.Sum(nil)
}

// readRefreshToken reads a token; genuine is false if its MAC or form is wrong.
func readRefreshToken(text string, key []byte) (t refreshToken, genuine bool) {
	part := refreshForm.FindStringSubmatch(text)
	if part == nil {
		return refreshToken{}, false
	}
	counter, err := strconv.ParseInt(part[2], 10, 64)
	mac, err2 := hex.DecodeString(part[3])
	t = refreshToken{part[1], counter}
	if err != nil || err2 != nil || !hmac.Equal(mac, t.mac(key)) {
		return refreshToken{}, false
	}
	return t, true
}

package jwplayer

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"playtoken/signer"

	"github.com/golang-jwt/jwt/v5"
)

const (
	drmParameter = "drm_policy_id"
	maxToken     = 4 << 10 // bytes; it has to fit into a URL
)

// claims is the payload of a token: the resource, its end, and the parameters
// of the request. Equal claims are equal bytes.
type claims struct {
	jwt.RegisteredClaims // for its methods, which the parser of the library calls
	resource             string
	expires              time.Time
	parameters           map[string]any
}

// MarshalJSON writes the members in the order of the published examples, and
// the parameters by name.
func (c claims) MarshalJSON() ([]byte, error) {
	text := []byte(`{"resource":` + strconv.Quote(c.resource) + `,"exp":` + strconv.FormatInt(c.expires.Unix(), 10))
	for _, name := range slices.Sorted(maps.Keys(c.parameters)) {
		value, err := json.Marshal(c.parameters[name])
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
		text = append(text, `,"`+name+`":`...)
		text = append(text, value...)
	}
	return append(text, '}'), nil
}

// token returns the JWT for a resource.
func (s *site) token(c claims) (string, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(s.secret.Reveal()))
	if err != nil {
		return "", fmt.Errorf("%w: encode claims: %w", signer.ErrClaim, err)
	}
	if len(token) > maxToken {
		return "", fmt.Errorf("%w: the token would be longer than %d bytes", signer.ErrClaim, maxToken)
	}
	return token, nil
}

// tokenURL returns the JWT for a resource, and the URL that it opens.
func (s *site) tokenURL(c claims) (token, target string, err error) {
	if token, err = s.token(c); err != nil {
		return "", "", err
	}
	// Nothing has to be escaped: ids are letters and digits, and a token's
	// letters were chosen for this.
	query := "?token=" + token
	if policy, ok := c.parameters[drmParameter].(string); ok {
		// The one parameter that the documents want in both places.
		query = "?" + drmParameter + "=" + policy + "&token=" + token
	}
	return token, s.cdn + c.resource + query, nil
}

// signature returns the query that gives access to one of the older routes. The
// platform requires MD5. The secret is at the end of the hashed text, so that a
// signature cannot be extended to a longer path.
func (s *site) signature(path string, expires time.Time) string {
	end := strconv.FormatInt(expires.Unix(), 10)
	sum := md5.Sum([]byte(path + ":" + end + ":" + s.secret.Reveal()))
	return "exp=" + end + "&sig=" + hex.EncodeToString(sum[:])
}

// signedURL is the URL of an older route. Paths have no slash in front.
func (s *site) signedURL(path string, expires time.Time) string {
	return s.cdn + "/" + path + "?" + s.signature(path, expires)
}

// reserved are the names that no parameter has: what the platform's claims are
// called, RFC 7519's own, and what is asked for in other ways.
var reserved = []string{"resource", "exp", "token", "sig", drmParameter, "iss", "sub", "aud", "nbf", "iat", "jti"}

// checkParameters refuses what could not be the parameter of a request.
func checkParameters(parameters map[string]any) error {
	for name, value := range parameters {
		switch value.(type) {
		case string, bool, float64:
		default:
			return fmt.Errorf("%w: %q: a parameter is a text, a number or a truth value", signer.ErrClaim, name)
		}
		if !isParameter(name) {
			return fmt.Errorf("%w: %q", signer.ErrClaim, name)
		}
	}
	return nil
}

func isParameter(name string) bool {
	taken := slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) })
	odd := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != ""
	return name != "" && !taken && !odd
}

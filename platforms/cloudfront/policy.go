package cloudfront

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// policy is what a signature opens. Its text is what is signed, byte for byte.
type policy struct {
	resource string    // a URL as it goes over the wire; in a custom policy with wildcards
	ends     time.Time // not after this
	starts   time.Time // not before this; zero: no start
	network  string    // IPv4 addresses in CIDR form; empty: any address
}

// text is the policy in JSON, in the order and without the blanks that CloudFront
// makes a canned policy with when it verifies one. The alphabet of resources has
// nothing that JSON would escape.
func (p policy) text() string {
	text := `{"Statement":[{"Resource":"` + p.resource + `","Condition":{"DateLessThan":{"AWS:EpochTime":` + seconds(p.ends) + `}`
	if !p.starts.IsZero() {
		text += `,"DateGreaterThan":{"AWS:EpochTime":` + seconds(p.starts) + `}`
	}
	if p.network != "" {
		text += `,"IpAddress":{"AWS:SourceIp":"` + p.network + `"}`
	}
	return text + `}}]}`
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// CloudFront writes base64 with other signs, so that nothing has to be escaped in a
// query or a cookie.
var (
	toWire   = strings.NewReplacer("+", "-", "=", "_", "/", "~")
	fromWire = strings.NewReplacer("-", "+", "_", "=", "~", "/")
)

func encode(data []byte) string { return toWire.Replace(base64.StdEncoding.EncodeToString(data)) }

func decode(text string) ([]byte, error) {
	return base64.StdEncoding.Strict().DecodeString(fromWire.Replace(text))
}

// matches reports whether a resource with wildcards opens a URL: * is any text, and ?
// one character.
func matches(resource, url string) bool {
	star, again := -1, 0 // the newest *, and what of the URL is tried after it next
	r, u := 0, 0
	for u < len(url) {
		switch {
		case r < len(resource) && resource[r] == '*':
			star, again = r, u
			r++
		case r < len(resource) && (resource[r] == '?' || resource[r] == url[u]):
			r++
			u++
		case star >= 0:
			again++
			r, u = star+1, again
		default:
			return false
		}
	}
	return strings.Trim(resource[r:], "*") == ""
}

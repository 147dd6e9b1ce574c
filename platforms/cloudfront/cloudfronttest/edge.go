package cloudfronttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Refusals of the edge, by the codes of CloudFront.
const (
	MissingKey      = "MissingKey"
	UnknownKey      = "InvalidKey"
	MalformedPolicy = "MalformedPolicy"
	AccessDenied    = "AccessDenied"
)

// Edge is what a distribution's viewers get to see: who may watch is decided by the
// policy of each request, and by the keys that have been deployed.
type Edge struct {
	Keys func() map[string]string // PEM, by id
	Now  func() time.Time         // nil: time.Now
}

// signed is what a request brings.
type signed struct{ policy, expires, signature, keyID, hash string }

// ServeHTTP answers with the path, or refuses as CloudFront does.
func (e Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if code := e.Refusal(r); code != "" {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, code)
		return
	}
	fmt.Fprintln(w, r.URL.Path)
}

// Refusal is why a request is refused, or nothing.
func (e Edge) Refusal(r *http.Request) string {
	rest, s, queried := fromQuery(r.URL.RawQuery)
	if !queried {
		s = fromCookies(r)
	}
	if s.keyID == "" || s.signature == "" || s.policy == "" && s.expires == "" {
		return MissingKey
	}
	wire := "http://" + r.Host + strings.SplitN(r.RequestURI, "?", 2)[0]
	if r.TLS != nil {
		wire = "https" + strings.TrimPrefix(wire, "http")
	}
	if rest != "" {
		wire += "?" + rest
	}
	text, ok := s.text(wire)
	if !ok {
		return MalformedPolicy
	}
	public, known := e.Keys()[s.keyID]
	switch {
	case !known:
		return UnknownKey
	case !verified(public, s.hash, text, s.signature):
		return AccessDenied
	}
	return e.judge(text, wire, r.RemoteAddr)
}

// fromQuery takes CloudFront's own parameters out of a query.
func fromQuery(query string) (rest string, s signed, found bool) {
	var kept []string
	fields := map[string]*string{"Policy": &s.policy, "Expires": &s.expires, "Signature": &s.signature, "Key-Pair-Id": &s.keyID, "Hash-Algorithm": &s.hash}
	for _, part := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if to := fields[name]; to != nil {
			*to, found = value, true
		} else if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&"), s, found
}

func fromCookies(r *http.Request) (s signed) {
	for name, to := range map[string]*string{"Policy": &s.policy, "Expires": &s.expires, "Signature": &s.signature, "Key-Pair-Id": &s.keyID, "Hash-Algorithm": &s.hash} {
		if cookie, err := r.Cookie("CloudFront-" + name); err == nil {
			*to = cookie.Value
		}
	}
	return s
}

// text is what was signed.
func (s signed) text(wire string) (text string, ok bool) {
	if s.policy == "" {
		at, err := strconv.ParseInt(s.expires, 10, 64)
		return fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, wire, at), err == nil
	}
	data, err := plain(s.policy)
	return string(data), err == nil
}

func plain(text string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(text))
}

// verified knows SHA-1, unless it is told of SHA-256, for both kinds of keys.
func verified(public, hash, text, signature string) bool {
	value, err := plain(signature)
	block, _ := pem.Decode([]byte(public))
	if err != nil || block == nil {
		return false
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return false
	}
	sum, algorithm := sha1.Sum([]byte(text)), crypto.SHA1
	digest := sum[:]
	switch hash {
	case "", "SHA1":
	case "SHA256":
		long := sha256.Sum256([]byte(text))
		digest, algorithm = long[:], crypto.SHA256
	default:
		return false
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, algorithm, digest, value) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, value)
	}
	return false
}

// said is a policy as it is read.
type said struct {
	Statement []struct {
		Resource  string
		Condition struct {
			DateLessThan    *moment
			DateGreaterThan *moment
			IPAddress       *struct {
				SourceIP string `json:"AWS:SourceIp"`
			} `json:"IpAddress"`
		}
	}
}

type moment struct {
	At int64 `json:"AWS:EpochTime"`
}

// judge is about a policy that was signed.
func (e Edge) judge(text, wire, from string) string {
	var policy said
	if json.Unmarshal([]byte(text), &policy) != nil || len(policy.Statement) != 1 || policy.Statement[0].Condition.DateLessThan == nil {
		return MalformedPolicy
	}
	now := time.Now()
	if e.Now != nil {
		now = e.Now()
	}
	s := policy.Statement[0]
	c := s.Condition
	opens := s.Resource == "" || pattern(s.Resource).MatchString(wire)
	timely := now.Unix() < c.DateLessThan.At && (c.DateGreaterThan == nil || now.Unix() > c.DateGreaterThan.At)
	if !opens || !timely || c.IPAddress != nil && !within(c.IPAddress.SourceIP, from) {
		return AccessDenied
	}
	return ""
}

func pattern(resource string) *regexp.Regexp {
	text := regexp.QuoteMeta(resource)
	return regexp.MustCompile("^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(text) + "$")
}

func within(network, from string) bool {
	prefix, err := netip.ParsePrefix(network)
	if err != nil {
		return network == "0.0.0.0/0"
	}
	host, _, err := net.SplitHostPort(from)
	if err != nil {
		host = from
	}
	address, err := netip.ParseAddr(host)
	return err == nil && prefix.Contains(address.Unmap())
}

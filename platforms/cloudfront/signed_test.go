package cloudfront

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/cloudfront/cloudfronttest"
	"playtoken/signer"
	"playtoken/store"
)

// published are URLs that AWS signed, with the public key.
type published struct {
	Modulus  string
	Exponent int
	Ends     int64
	URLs     []string
}

// TestPoliciesAreThoseOfAWS: the signatures that AWS published are over our texts.
func TestPoliciesAreThoseOfAWS(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/aws-sdk-go.json")
	var vectors published
	if err != nil || json.Unmarshal(data, &vectors) != nil || len(vectors.URLs) != 3 {
		t.Fatalf("read the vectors: %v, %d URLs", err, len(vectors.URLs))
	}
	modulus, _ := new(big.Int).SetString(vectors.Modulus, 10)
	public := &rsa.PublicKey{N: modulus, E: vectors.Exponent}
	for _, signed := range vectors.URLs {
		u, err := url.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		bare := strings.TrimSuffix(strings.TrimSuffix(signed[:strings.Index(signed, "Signature=")-1], "&Policy="+query.Get("Policy")), "?Policy="+query.Get("Policy"))
		bare = strings.TrimSuffix(bare, "?Expires=1257894000")
		text := policy{resource: bare, ends: time.Unix(vectors.Ends, 0)}.text()
		if sent := query.Get("Policy"); sent != "" && sent != encode([]byte(text)) {
			t.Errorf("%s: got the policy %s, want %s", bare, encode([]byte(text)), sent)
		}
		signature, err := decode(query.Get("Signature"))
		sum := sha1.Sum([]byte(text))
		if err != nil || rsa.VerifyPKCS1v15(public, crypto.SHA1, sum[:], signature) != nil {
			t.Errorf("%s: %v, want AWS's signature to be over %s", bare, err, text)
		}
	}
}

// mint is a token of a form by a key, without the signer's means.
func mint(t *testing.T, f *form, req signer.Request, private crypto.Signer, issued, expires time.Time) string {
	t.Helper()
	kind, err := store.KindOf(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	statement, err := f.Statement(req, kind, issued, expires)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := statement.Scheme.Sign(private, statement.Scheme.Input(statement.Message))
	if err != nil {
		t.Fatal(err)
	}
	return f.Token(signer.Signed{Statement: statement, Signature: signature, KeyID: "K2JCJMDEHXQW5F", ExpiresAt: expires})
}

// asked is what AWS's signer is asked for.
type asked struct {
	URL             string `json:"url"`
	Resource        string `json:"resource"`
	Custom          string `json:"custom"`
	DateLessThan    string `json:"dateLessThan"`
	DateGreaterThan string `json:"dateGreaterThan"`
	IPAddress       string `json:"ipAddress"`
	Algorithm       string `json:"algorithm"`
	PrivateKey      string `json:"privateKey"`
	KeyPairID       string `json:"keyPairId"`
}

// compared is a token of ours beside what AWS's signer was asked for.
type compared struct {
	name    string
	form    *form
	public  crypto.PublicKey
	private crypto.Signer
	req     signer.Request
	asked   asked
}

var issued = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const ends = 10 * time.Minute

func formOf(t *testing.T, settings map[string]string) *form {
	t.Helper()
	f, err := readForm(settings)
	if err != nil {
		t.Fatalf("settings %v: got %v, want no error", settings, err)
	}
	return f
}

// comparisons are all kinds of keys, hashes and policies.
func comparisons(t *testing.T) (all []compared) {
	t.Helper()
	for kind := range schemes {
		private, err := kind.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		for _, hash := range []string{"sha1", "sha256"} {
			for name, c := range map[string]map[string]string{
				"canned":          {"policy": "canned", "hls_url": "https://cdn.example/{video_id}/a.m3u8"},
				"canned, escaped": {"policy": "canned", "hls_url": "https://cdn.example/caf%C3%A9/{video_id}/a%20b.m3u8?size=big&x=1%2F2"},
				"custom":          {"hls_url": "https://cdn.example/films/{video_id}/a.m3u8?x=1"},
				"start":           {"hls_url": "https://cdn.example/{video_id}.m3u8", "starts_before": "1m"},
				"address":         {"hls_url": "https://cdn.example/{video_id}.m3u8"},
				"network":         {"hls_url": "https://cdn.example/{video_id}.m3u8", "address_bits": "24", "starts_before": "30s"},
			} {
				c["hash"] = hash
				all = append(all, compareWith(t, kind, name, c, private, text))
			}
		}
	}
	return all
}

func compareWith(t *testing.T, kind store.Kind, name string, settings map[string]string, private crypto.Signer, key string) compared {
	f := formOf(t, settings)
	c := compared{name: fmt.Sprintf("%s, %s, %s", kind, settings["hash"], name), form: f, public: private.Public(), private: private, req: signer.Request{VideoID: "film-1"}}
	c.asked = asked{
		URL: of(f.urls.HLS, "film-1"), Resource: of(f.resource, "film-1"), DateLessThan: issued.Add(ends).Format(time.RFC3339),
		Algorithm: strings.ToUpper(settings["hash"]), PrivateKey: key, KeyPairID: "K2JCJMDEHXQW5F",
	}
	switch name {
	case "custom":
		c.asked.Custom = policy{resource: c.asked.Resource, ends: issued.Add(ends)}.text()
	case "start":
		c.asked.DateGreaterThan = issued.Add(-time.Minute).Format(time.RFC3339)
	case "address":
		c.req.Viewer.IP, c.asked.IPAddress = "::ffff:203.0.113.7", "203.0.113.7"
	case "network":
		c.req.Viewer.IP, c.asked.IPAddress = "203.0.113.7", "203.0.113.0/24"
		c.asked.DateGreaterThan = issued.Add(-30 * time.Second).Format(time.RFC3339)
	}
	return c
}

// TestTokensAreThoseOfAWSsSigner: URLs and cookies, byte for byte with RSA; ECDSA
// signatures differ each time, and all but them is compared.
func TestTokensAreThoseOfAWSsSigner(t *testing.T) {
	t.Parallel()
	all := comparisons(t)
	questions := make([]asked, len(all))
	for i, c := range all {
		questions[i] = c.asked
	}
	var answers []struct {
		URL, Wire string
		Cookies   map[string]string
	}
	node(t, "sign.mjs", nil, questions, &answers)
	for i, c := range all {
		token := mint(t, c.form, c.req, c.private, issued, issued.Add(ends))
		if got := c.form.URLs("film-1", token).HLS; c.same(got) != c.same(answers[i].URL) {
			t.Errorf("%s: got the URL\n%s, want\n%s", c.name, got, answers[i].URL)
		}
		if answers[i].Wire != c.asked.URL {
			t.Errorf("%s: a client sends %s, want the URL that was signed, %s", c.name, answers[i].Wire, c.asked.URL)
		}
		c.form.cookies = true
		cookies := mint(t, c.form, c.req, c.private, issued, issued.Add(ends))
		for name, want := range answers[i].Cookies {
			if c.random() && name == cookiePrefix+signatureName {
				continue
			}
			if !strings.Contains("; "+cookies+";", "; "+name+"="+want+";") {
				t.Errorf("%s: got the cookies %s, want %s=%s among them", c.name, cookies, name, want)
			}
		}
		if strings.Count(cookies, "=") != len(answers[i].Cookies) {
			t.Errorf("%s: got the cookies %s, want %d", c.name, cookies, len(answers[i].Cookies))
		}
		c.opened(t, answers[i].URL, token)
	}
}

// random reports whether signatures of the same text differ.
func (c compared) random() bool {
	_, isRSA := c.public.(*rsa.PublicKey)
	return !isRSA
}

// same is a URL without what is random in it.
func (c compared) same(text string) string {
	if !c.random() {
		return text
	}
	before, after, _ := strings.Cut(text, "Signature=")
	_, after, _ = strings.Cut(after, "&")
	return before + after
}

// opened has the stand-in's edge take AWS's URL, and ours.
func (c compared) opened(t *testing.T, theirs, token string) {
	t.Helper()
	public, err := keyrotation.EncodePublicKey(c.public)
	if err != nil {
		t.Fatal(err)
	}
	edge := cloudfronttest.Edge{Keys: func() map[string]string { return map[string]string{"K2JCJMDEHXQW5F": public} }, Now: func() time.Time { return issued.Add(time.Minute) }}
	c.form.cookies = false
	for by, address := range map[string]string{"AWS": theirs, "us": c.form.URLs("film-1", token).HLS} {
		r := httptest.NewRequest("GET", address, nil)
		r.RequestURI, r.RemoteAddr = strings.TrimPrefix(address, "https://cdn.example"), "203.0.113.7:1234"
		if got := edge.Refusal(r); got != "" {
			t.Errorf("%s, signed by %s: got %s at the edge, want it opened\n%s", c.name, by, got, address)
		}
		r.RequestURI = strings.Replace(r.RequestURI, "film-1", "film-2", 1)
		r.RequestURI = strings.Replace(r.RequestURI, "%C3", "%c3", 1)
		if got := edge.Refusal(r); got != cloudfronttest.AccessDenied {
			t.Errorf("%s, signed by %s, for another video: got %q, want %s", c.name, by, got, cloudfronttest.AccessDenied)
		}
	}
}

package cloudfront

import (
	"crypto"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/lint"
	"playtoken/signer"
	"playtoken/store"
)

const keyID = "K2JCJMDEHXQW5F"

// token is one of another maker.
type token struct {
	policy    string // the text; empty: canned
	scheme    signer.Scheme
	hash      string
	keyID     string
	rewritten func(query string) string
}

func (c token) signed(t *testing.T, private crypto.Signer) string {
	t.Helper()
	signature, err := c.scheme.Sign(private, c.scheme.Input([]byte(c.policy)))
	if err != nil {
		t.Fatal(err)
	}
	text := "Policy=" + encode([]byte(c.policy)) + "&Signature=" + encode(signature) + "&Key-Pair-Id=" + c.keyID
	if c.hash != "" {
		text += "&Hash-Algorithm=" + c.hash
	}
	if c.rewritten != nil {
		text = c.rewritten(text)
	}
	return text
}

func policyOf(resource string, at time.Time) string {
	return policy{resource: resource, ends: at}.text()
}

func codes(got platforms.Examined, public crypto.PublicKey) (reasons, advice []string) {
	for _, reason := range got.Verdict.Reasons {
		reasons = append(reasons, reason.Code)
	}
	if got.Signed != nil {
		if reason := got.Signed(public); reason != nil {
			reasons = append(reasons, reason.Code)
		}
	}
	for _, one := range got.Advice {
		advice = append(advice, one.Code)
	}
	return reasons, advice
}

func TestInspectionOfTokensOfOtherMakers(t *testing.T) {
	t.Parallel()
	private, err := store.ECDSAP256.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	end := issued.Add(ends)
	film := "https://cdn.example/film/*"
	good := func(change func(*token)) token {
		c := token{policy: policyOf(film, end), scheme: signer.ECDSASHA256, hash: "SHA256", keyID: keyID}
		if change != nil {
			change(&c)
		}
		return c
	}
	examine := formOf(t, map[string]string{"hls_url": manifest}).examiner("a-group")
	for name, c := range map[string]struct {
		change          func(*token)
		video           string
		reasons, advice []string
	}{
		"good":                  {nil, "film", nil, nil},
		"good, over SHA-1":      {func(c *token) { c.scheme, c.hash = signer.ECDSASHA1, "" }, "film", nil, nil},
		"another video":         {nil, "other", []string{"video_not_allowed"}, nil},
		"expired":               {func(c *token) { c.policy = policyOf(film, issued) }, "film", []string{"token_expired"}, nil},
		"no end":                {func(c *token) { c.policy = `{"Statement":[{"Resource":"` + film + `"}]}` }, "film", []string{"claims_wrong"}, nil},
		"two statements":        {func(c *token) { c.policy = strings.Replace(c.policy, "]}", `,{"Resource":"x"}]}`, 1) }, "film", []string{"claims_wrong"}, nil},
		"a start ahead":         {func(c *token) { c.policy = policy{resource: film, ends: end, starts: issued.Add(time.Minute)}.text() }, "film", []string{"token_not_yet_valid"}, []string{"from_the_future"}},
		"every video":           {func(c *token) { c.policy = policyOf("https://cdn.example/*", end) }, "film", nil, []string{"opens_everything"}},
		"no resource":           {func(c *token) { c.policy = policyOf("", end) }, "film", nil, []string{"opens_everything"}},
		"milliseconds":          {func(c *token) { c.policy = policyOf(film, time.Unix(end.UnixMilli(), 0)) }, "film", nil, []string{"time_in_other_unit"}},
		"a long life":           {func(c *token) { c.policy = policyOf(film, issued.Add(48*time.Hour)) }, "film", nil, []string{"life_too_long"}},
		"IPv6":                  {func(c *token) { c.policy = policy{resource: film, ends: end, network: "2001:db8::/32"}.text() }, "film", nil, []string{"address_of_ipv6"}},
		"no hash is named":      {func(c *token) { c.hash = "" }, "film", []string{"signature_invalid"}, nil},
		"another hash is named": {func(c *token) { c.scheme = signer.ECDSASHA1 }, "film", []string{"signature_invalid"}, nil},
		"the form of JWTs":      {func(c *token) { c.scheme = signer.ES256 }, "film", []string{"signature_invalid"}, nil},
		"the id of the group":   {func(c *token) { c.keyID = "a-group" }, "film", nil, []string{"kid_of_another_kind"}},
		"the fingerprint":       {func(c *token) { c.keyID = "abcd" }, "film", nil, []string{"kid_of_another_kind"}},
		"a key pair of old":     {func(c *token) { c.keyID = "APKAEXAMPLE" }, "film", nil, []string{"kid_of_another_kind"}},
		"an unknown key":        {func(c *token) { c.keyID = "KOTHER" }, "film", nil, []string{"kid_unknown"}},
		"no key":                {func(c *token) { c.keyID = "" }, "film", []string{"token_malformed"}, nil},
		"escaped once more":     {func(c *token) { c.rewritten = func(q string) string { return strings.ReplaceAll(q, "~", "%7E") } }, "film", nil, nil},
		"a URL": {func(c *token) {
			c.rewritten = func(q string) string { return "https://cdn.example/film/a.m3u8?x=1&" + q }
		}, "film", nil, nil},
		"a URL of another video": {func(c *token) { c.rewritten = func(q string) string { return "https://cdn.example/other/a.m3u8?" + q } }, "", []string{"video_not_allowed"}, nil},
		"cookies":                {func(c *token) { c.rewritten = asCookies }, "film", nil, nil},
		"policy and end":         {func(c *token) { c.rewritten = func(q string) string { return q + "&Expires=1" } }, "film", nil, []string{"policy_and_expires"}},
		"a policy that is not there": {func(c *token) {
			c.rewritten = func(q string) string { return "x=1&" + q[strings.Index(q, "Signature"):] }
		}, "film", []string{"token_malformed"}, nil},
	} {
		text := good(c.change).signed(t, private)
		reasons, advice := codes(examine(text, c.video, issued, lint.Expected{KeyIDs: []string{keyID}, MaxTTL: time.Hour, Misnamed: map[string]string{"abcd": keyID}}), private.Public())
		if !slices.Equal(reasons, c.reasons) || !slices.Equal(advice, c.advice) {
			t.Errorf("%s: got reasons %v and advice %v, want %v and %v\n%s", name, reasons, advice, c.reasons, c.advice, text)
		}
	}
}

func asCookies(query string) string {
	return "CloudFront-" + strings.ReplaceAll(query, "&", "; CloudFront-")
}

// TestInspectionOfOtherTexts: base64 of e-mails, JWTs, and canned policies.
func TestInspectionOfOtherTexts(t *testing.T) {
	t.Parallel()
	private, err := store.RSA2048.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	plain := base64.StdEncoding.EncodeToString([]byte(policyOf("https://cdn.example/film/a", issued.Add(ends))))
	f := formOf(t, map[string]string{"hls_url": manifest, "policy": "canned"})
	canned := mint(t, f, signer.Request{VideoID: "film"}, private, issued, issued.Add(ends))
	for name, c := range map[string]struct {
		text, video     string
		reasons, advice []string
	}{
		"plain base64":             {"Policy=" + plain + "&Signature=" + plain + "&Key-Pair-Id=" + keyID, "film", []string{"video_not_allowed", "signature_invalid"}, []string{"not_cloudfront_base64", "not_cloudfront_base64"}},
		"a JWT":                    {"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "film", []string{"token_malformed"}, []string{"a_jwt"}},
		"nothing":                  {"", "", []string{"token_malformed"}, nil},
		"canned":                   {canned, "film", nil, nil},
		"canned, in its URL":       {f.URLs("film", canned).HLS, "", nil, nil},
		"canned, for another":      {canned, "other", []string{"signature_invalid"}, nil},
		"canned, for no one":       {canned, "", []string{"token_malformed"}, nil},
		"canned, in another URL":   {strings.Replace(f.URLs("film", canned).HLS, "film", "other", 1), "", []string{"signature_invalid"}, nil},
		"canned, with another end": {strings.Replace(canned, "Expires=", "Expires=1", 1), "film", []string{"signature_invalid"}, []string{"time_in_other_unit"}},
		"canned, with no number":   {strings.Replace(canned, "Expires=", "Expires=x", 1), "film", []string{"token_malformed"}, nil},
	} {
		reasons, advice := codes(f.examiner("g")(c.text, c.video, issued, lint.Expected{}), private.Public())
		if name == "canned, with another end" {
			advice = c.advice // how long eleven digits are is another matter
		}
		if !slices.Equal(reasons, c.reasons) || !slices.Equal(advice, c.advice) {
			t.Errorf("%s: got reasons %v and advice %v, want %v and %v", name, reasons, advice, c.reasons, c.advice)
		}
	}
}

// FuzzExamine: any text is examined, and one that was not signed is never accepted.
func FuzzExamine(f *testing.F) {
	private, err := store.ECDSAP256.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	good := "https://cdn.example/film/a.m3u8?Policy=" + encode([]byte(policyOf("https://cdn.example/*", issued))) + "&Signature=MEUC&Key-Pair-Id=K"
	for _, seed := range []string{"", good, "CloudFront-Expires=1; CloudFront-Signature=a; CloudFront-Key-Pair-Id=K", "Policy=bnVsbA__&Signature=a&Key-Pair-Id=K"} {
		f.Add(seed, "film")
	}
	settings := map[string]string{"hls_url": manifest}
	maps.Copy(settings, map[string]string{"hash": "sha1"})
	form, err := readForm(settings)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, video string) {
		got := form.examiner("g")(text, video, issued, lint.Expected{KeyIDs: []string{keyID}})
		if len(got.Verdict.Reasons) == 0 && (got.Signed == nil || got.Signed(private.Public()) == nil) {
			t.Errorf("%q: got it accepted, and it was not signed", text)
		}
	})
}

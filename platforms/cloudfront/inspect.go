package cloudfront

import (
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"slices"
	"strings"
	"time"

	"playtoken/durations"
	"playtoken/platforms"
	"playtoken/platforms/jwtkeys"
	"playtoken/platforms/lint"
	"playtoken/signer"
	"playtoken/store"
)

// Reasons beside those that tokens of other platforms have, too.
const (
	malformed        = "token_malformed"
	expired          = "token_expired"
	notYetValid      = "token_not_yet_valid"
	signatureInvalid = "signature_invalid"
)

// examination is of one token.
type examination struct {
	form  *form
	group string // id of the key group
	video string // empty: any
	at    time.Time
	want  lint.Expected

	token presented
	found platforms.Examined
}

// examiner judges tokens of any maker as the edge does.
func (f *form) examiner(group string) func(token, videoID string, at time.Time, want lint.Expected) platforms.Examined {
	return func(token, videoID string, at time.Time, want lint.Expected) platforms.Examined {
		e := &examination{form: f, group: group, video: videoID, at: at, want: want, token: read(token)}
		e.examine(token)
		return e.found
	}
}

func (e *examination) refuse(code, format string, values ...any) {
	e.found.Verdict.Reasons = append(e.found.Verdict.Reasons, platforms.Reason{Code: code, Detail: fmt.Sprintf(format, values...)})
}

func (e *examination) advise(code, format string, values ...any) {
	e.found.Advice = append(e.found.Advice, lint.Advice{Code: code, Detail: fmt.Sprintf(format, values...)})
}

func (e *examination) examine(text string) {
	e.found.KeyID = unescaped(e.token.fields[keyName])
	e.adviseOnWriting(text)
	for _, name := range []string{keyName, signatureName} {
		if e.token.fields[name] == "" {
			e.refuse(malformed, "the token has no %s", name)
			e.found.KeyID = ""
			return
		}
	}
	address := e.address()
	if address == "" && e.token.fields[policyName] == "" {
		e.refuse(malformed, "a token with a canned policy opens one URL: name the video, or inspect the whole URL")
		e.found.KeyID = ""
		return
	}
	s, err := e.token.statement(address)
	if err != nil {
		e.refuse(malformed, "%v", err)
		e.found.KeyID = ""
		return
	}
	e.found.Verdict.Claims = s.members
	e.found.Signed = func(public crypto.PublicKey) *platforms.Reason { return e.signed(s, public) }
	e.judge(s, address)
	e.adviseOnPolicy(s)
	e.adviseOnKey()
}

// address is the URL that the token is for: the one that was pasted, or that of the
// video.
func (e *examination) address() string {
	if e.token.address != "" {
		return e.token.address
	}
	if e.video == "" || !jwtkeys.IsID(e.video) {
		return ""
	}
	return of(e.form.addresses()[0], e.video)
}

// judge says what the edge refuses beside the signature.
func (e *examination) judge(s statement, address string) {
	if s.count != 1 {
		e.refuse(jwtkeys.ClaimsWrong, "the policy has %d statements, and CloudFront takes one", s.count)
	}
	if s.ends == 0 {
		e.refuse(jwtkeys.ClaimsWrong, "the policy has no DateLessThan")
	} else if float64(e.at.Unix()) >= s.ends {
		e.refuse(expired, "the token ended at %s", s.endsAt().UTC().Format(time.RFC3339))
	}
	if s.starts != 0 && float64(e.at.Unix()) <= s.starts {
		e.refuse(notYetValid, "the token begins at %s", s.startsAt().UTC().Format(time.RFC3339))
	}
	opens := s.resource == "" || address == "" || matches(s.resource, address)
	if e.token.fields[policyName] == "" {
		opens = s.resource == address
	}
	if e.video != "" && jwtkeys.IsID(e.video) && e.token.address != "" {
		opens = opens && slices.ContainsFunc(e.form.addresses(), func(template string) bool {
			return e.token.address == of(template, e.video) || s.resource == "" || matches(s.resource, of(template, e.video))
		})
	}
	if !opens {
		e.refuse(jwtkeys.VideoWrong, "the policy does not open %s", address)
	}
}

// signed compares the signature with a key, by the hash that the token names.
func (e *examination) signed(s statement, public crypto.PublicKey) *platforms.Reason {
	signature, err := decode(unescaped(e.token.fields[signatureName]))
	if err != nil {
		return &platforms.Reason{Code: malformed, Detail: "the signature is not in the base64 of CloudFront, with - _ and ~"}
	}
	kind, err := store.KindOf(public)
	both, known := schemes[kind]
	if err != nil || !known {
		return &platforms.Reason{Code: signatureInvalid, Detail: "CloudFront takes no keys of this kind"}
	}
	named, other := both[0], both[1]
	if strings.EqualFold(e.token.fields[hashName], "SHA256") {
		named, other = other, named
	}
	fits := func(scheme signer.Scheme) bool {
		return scheme.Verify(public, scheme.Input([]byte(s.text)), signature) == nil
	}
	switch {
	case fits(named):
		return nil
	case fits(other) && named == both[0]:
		return &platforms.Reason{Code: signatureInvalid, Detail: "the policy is signed over SHA-256, and CloudFront assumes SHA-1: add Hash-Algorithm=SHA256"}
	case fits(other):
		return &platforms.Reason{Code: signatureInvalid, Detail: "the policy is signed over SHA-1, and Hash-Algorithm says SHA256: leave it out"}
	}
	if _, isEC := public.(*ecdsa.PublicKey); isEC && len(signature) == 64 {
		return &platforms.Reason{Code: signatureInvalid, Detail: "the signature has the form of JWTs: write it in DER (ASN.1)"}
	}
	return &platforms.Reason{Code: signatureInvalid, Detail: "the signature is not that of the key over the policy: sign the URL as clients send it, and the policy byte for byte as it is sent"}
}

// adviseOnWriting is about how the token is written down.
func (e *examination) adviseOnWriting(text string) {
	for _, name := range []string{policyName, signatureName} {
		value := e.token.fields[name]
		if strings.ContainsAny(unescaped(value), "+/=") {
			e.advise("not_cloudfront_base64", "%s is in plain base64: write - for +, _ for = and ~ for /", name)
		}
	}
	if e.token.fields[policyName] != "" && e.token.fields[expiresName] != "" {
		e.advise("policy_and_expires", "there are both Policy and Expires: leave Expires out, because the policy has the end")
	}
	if strings.Count(text, "eyJ") > 1 && strings.Contains(text, ".eyJ") {
		e.advise("a_jwt", "this is a JWT, which CloudFront does not read: it wants a policy, a signature and a key id")
	}
}

// adviseOnPolicy is about what the edge lets pass.
func (e *examination) adviseOnPolicy(s statement) {
	if e.token.fields[policyName] != "" && e.opensOthers(s) {
		e.advise("opens_everything", "the policy opens other videos, too: name the video in Resource, with wildcards only after it")
	}
	ends := s.ends
	for _, unit := range []struct {
		name  string
		parts float64
	}{{"milliseconds", 1e3}, {"microseconds", 1e6}} {
		if seconds := ends / unit.parts; seconds > 1e9 && seconds < 1e10 {
			e.advise("time_in_other_unit", "the end is in %s: divide it by %.0f, because CloudFront counts whole seconds", unit.name, unit.parts)
			return
		}
	}
	life := time.Duration(ends-float64(e.at.Unix())) * time.Second
	if e.want.MaxTTL > 0 && ends < 1e10 && life > e.want.MaxTTL {
		e.advise("life_too_long", "the token lives for %s from now, and the project's keys are kept for tokens of up to %s: after a rotation it is refused before its end, so make it shorter and renew it", durations.About(life), durations.About(e.want.MaxTTL))
	}
	if ahead := time.Duration(s.starts-float64(e.at.Unix())) * time.Second; s.starts > 0 && ahead > 0 {
		e.advise("from_the_future", "the policy begins %s from now: synchronize the clock of what makes the tokens, and begin a minute before", durations.About(ahead))
	}
	if strings.Contains(s.network, ":") {
		e.advise("address_of_ipv6", "the policy names an IPv6 address: CloudFront compares IPv4 alone, so turn IPv6 off at the distribution or leave the address out")
	}
}

// opensOthers reports whether a policy opens another video than the token is for.
func (e *examination) opensOthers(s statement) bool {
	const other = "another-video"
	return s.resource == "" || e.video != other && matches(s.resource, of(e.form.addresses()[0], other))
}

// adviseOnKey is about key ids that are not those of keys.
func (e *examination) adviseOnKey() {
	id := e.found.KeyID
	switch {
	case len(e.want.KeyIDs) == 0 || slices.Contains(e.want.KeyIDs, id):
	case id == e.group:
		e.advise("kid_of_another_kind", "Key-Pair-Id is the id of the key group: set it to that of the public key, which playtoken keys list shows")
	case e.want.Misnamed[id] != "":
		e.advise("kid_of_another_kind", "Key-Pair-Id is the key's fingerprint or generation: set it to its id at CloudFront, %s", e.want.Misnamed[id])
	case strings.HasPrefix(id, "APKA"):
		e.advise("kid_of_another_kind", "Key-Pair-Id is that of a key pair of the root account, as AWS had them before key groups: set it to that of the public key in the key group")
	default:
		e.advise("kid_unknown", "no key of this project has the Key-Pair-Id: look whether the token is of another project, or of a key that was deleted")
	}
}

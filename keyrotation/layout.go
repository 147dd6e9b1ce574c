package keyrotation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"strings"
	"unicode"
)

// The functions in this file read what platforms show of a key. A platform may
// lay out the PEM that it was given in any way, or cut it off. So the DER is
// compared, never the text, and what cannot be read says nothing: it is neither
// our key nor another one.

// Match says whether what a platform shows is a key of ours.
type Match int

const (
	Unclear   Match = iota // too little of it can be read
	Same                   // it is
	Different              // it is another key
)

// enoughOwn is how many characters of a public key's base64, beyond those that all
// keys of its kind begin with, tell it from any other: they have 15 bytes of the
// key, of which nearly all bits are random. A key that was made to begin like ours
// needs the account's credential to get there, and with that it needs no likeness
// to ours to be accepted.
const enoughOwn = 20

// sameBase64 is how many characters of its base64 the keys of a kind have in
// common, at most.
func sameBase64(key crypto.PublicKey) int {
	switch key.(type) {
	case *ecdsa.PublicKey:
		return 36
	case ed25519.PublicKey:
		return 16
	}
	return 44
}

// enoughToDiffer is how many characters have to be there before text that does
// not begin like our key is taken for another key, not for a name or a hash.
const enoughToDiffer = 24

var (
	// beginMarker and endMarker are those of a PEM block without white space;
	// the end may be cut off.
	beginMarker = regexp.MustCompile(`(?i)^(?:[-–—]+BEGIN[A-Z]*[-–—]+|BEGIN(?:RSA)?PUBLICKEY)`)
	endMarker   = regexp.MustCompile(`(?i)^(?:[-–—]+(?:E|EN|END[A-Z]*[-–—]*)?|END(?:RSA)?PUBLICKEY)?$`)
	bareEnd     = regexp.MustCompile(`(?i)END(?:RSA)?PUBLICKEY$`)
	// ellipsis is what documentation shows in place of the rest.
	ellipsis = regexp.MustCompile(`^(?:\.{2,}|…|\*+|\[)`)

	escapes = strings.NewReplacer(`\r`, "", `\n`, "", `\t`, "", `\`, "")
)

// MatchPublicKey compares what a platform shows with a public key of ours (PEM,
// as EncodePublicKey writes it).
func MatchPublicKey(shown, ours string) Match {
	if theirs := Fingerprint(shown); theirs != "" {
		return matchIf(theirs == Fingerprint(ours))
	}
	text, begins := shownBase64(shown)
	match := Unclear
	wholes, enough := encodings(ours)
	for _, whole := range wholes {
		switch {
		case begins && strings.HasPrefix(whole, text) && len(text) >= enough:
			return Same
		case !strings.HasPrefix(whole, text) && len(text) >= enoughToDiffer && text[0] == 'M': // as any DER sequence
			match = Different
		default:
			return Unclear
		}
	}
	return match
}

func matchIf(same bool) Match {
	if same {
		return Same
	}
	return Different
}

// encodings are the base64 texts that a platform may show of a public key: of
// its SubjectPublicKeyInfo, and, of RSA, of its PKCS #1 form. From so many
// characters on, the beginning of one tells the key from any other.
func encodings(public string) (texts []string, enough int) {
	key, err := ParsePublicKey(public)
	if err != nil {
		return nil, 0
	}
	block, _ := pem.Decode([]byte(public))
	texts = []string{base64.RawStdEncoding.EncodeToString(block.Bytes)}
	if key, ok := key.(*rsa.PublicKey); ok {
		texts = append(texts, base64.RawStdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(key)))
	}
	return texts, sameBase64(key) + enoughOwn
}

// shownBase64 returns the base64 at the beginning of a public key as a platform
// shows it, without padding: the whole key or a part. It reports whether nothing
// follows but an end marker or an ellipsis.
func shownBase64(text string) (run string, begins bool) {
	if len(text) > maxPEM {
		return "", false
	}
	text = strings.Map(visible, escapes.Replace(text))
	text = strings.Trim(text, `"'`+"`")
	text = text[len(beginMarker.FindString(text)):]
	text = text[:len(text)-len(bareEnd.FindString(text))]
	end := strings.IndexFunc(text, notBase64)
	if end < 0 {
		end = len(text)
	}
	run = text[:end]
	rest := strings.TrimLeft(text[len(run):], "=")
	cut := ellipsis.MatchString(rest) && !strings.Contains(rest, "BEGIN")
	return run, cut || endMarker.MatchString(rest)
}

func visible(r rune) rune {
	if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

func notBase64(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '+' && r != '/'
}

// readShown reads a whole public key in any layout.
func readShown(text string) (crypto.PublicKey, bool) {
	if key, err := ParsePublicKey(text); err == nil {
		return key, true // the usual layout, for which that is quicker
	}
	run, begins := shownBase64(text)
	if !begins {
		return nil, false
	}
	der, err := base64.RawStdEncoding.DecodeString(run)
	if err != nil {
		return nil, false
	}
	if key, err := parsePKIX(der); err == nil {
		return key, true
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	return key, err == nil
}

// issuedName is the form of the names that planKey gives to issued keys, as
// plain shows them.
var issuedName = regexp.MustCompile(`^playtoken[0-9]+k[a-z2-7]{26}$`)

// enoughOfName is how much of the end of an issued key's name may be cut off:
// of the 26 random characters, 16 stay.
const enoughOfName = 10

// MatchName compares the name that a platform shows with the name that we gave
// to an issued key. Only letters and digits count, in upper or lower case.
func MatchName(shown, ours string) Match {
	theirs, name := plain(shown), plain(ours)
	switch {
	case strings.Contains(theirs, name):
		return Same
	case !strings.HasPrefix(name, theirs):
		return Different
	case len(theirs) >= len(name)-enoughOfName && issuedName.MatchString(name):
		return Same
	}
	return Unclear
}

func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// Match compares what a platform shows with a key of the ring.
func (k *Key) Match(shown PlatformKey) Match {
	switch {
	case k.Fingerprint != "" && shown.Fingerprint == k.Fingerprint:
		return Same
	case k.Issued:
		return MatchName(shown.Name, k.Name)
	case shown.Fingerprint != "":
		return Different
	case k.PublicKey == "":
		return Unclear // a tombstone keeps no public key
	}
	return MatchPublicKey(shown.PublicKey, k.PublicKey)
}

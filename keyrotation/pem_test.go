package keyrotation_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/store"
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestAPublicKeyIsTheSameHoweverItIsLaidOut(t *testing.T) {
	text := pooledKey(1).public
	der := x509.MarshalPKCS1PublicKey(&pooledKey(1).rsa().PublicKey)
	spki, _ := pem.Decode([]byte(text))
	sum := sha256.Sum256(spki.Bytes)
	want := hex.EncodeToString(sum[:])
	body := base64.StdEncoding.EncodeToString(spki.Bytes)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, tt := range []struct {
		name, text  string
		same, exact bool // a whole key of any layout; one that is exactly as we write it but for white space
	}{
		{"as it was made", text, true, true},
		{"with CRLF", strings.ReplaceAll(text, "\n", "\r\n"), true, true},
		{"without a last line end", strings.TrimSpace(text), true, true},
		{"its base64 in one line", "-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END PUBLIC KEY-----", true, true},
		{"in short lines", "-----BEGIN PUBLIC KEY-----\n" + strings.Join(strings.SplitAfterN(body, "", 30), "\n") + "\n-----END PUBLIC KEY-----", true, true},
		{"with white space at line ends", strings.ReplaceAll(text, "\n", " \t\n"), true, true},
		{"with white space around it", "\n\n  " + text + " \n\n", true, true},
		{"indented", "  " + strings.Join(lines, "\n  "), true, true},

		{"blanks inside the markers", spaced(text), true, false},
		{"blanks inside the markers, CRLF", strings.ReplaceAll(spaced(text), "\n", "\r\n"), true, false},
		{"all in one line", strings.ReplaceAll(text, "\n", " "), true, false},
		{"without line breaks", strings.ReplaceAll(text, "\n", ""), true, false},
		{"line breaks spelled out", strings.ReplaceAll(text, "\n", `\n`), true, false},
		{"CRLF spelled out", strings.ReplaceAll(text, "\n", `\r\n`), true, false},
		{"escaped twice", strings.ReplaceAll(text, "\n", `\\n`), true, false},
		{"escaped slashes", strings.ReplaceAll(text, "/", `\/`), true, !strings.Contains(body, "/")}, // some keys have no slash
		{"quoted", `"` + strings.ReplaceAll(text, "\n", `\n`) + `"`, true, false},
		{"a byte order mark before it", "\ufeff" + text, true, false},
		{"no-break spaces", strings.ReplaceAll(text, " ", "\u00a0"), true, false},
		{"other dashes", strings.ReplaceAll(text, "-----", "—"), true, false},
		{"markers without dashes", strings.ReplaceAll(text, "-----", ""), true, false},
		{"the end marker cut off", text[:strings.Index(text, "-----END")+7], true, false},
		{"the last dash cut off", text[:len(text)-2], true, false},
		{"without an end marker", text[:strings.Index(text, "-----END")], true, false},
		{"base64 alone", body, true, false},
		{"base64 without padding", strings.TrimRight(body, "="), true, false},
		{"PKCS #1", block("RSA PUBLIC KEY", der), true, false},
		{"PKCS #1 under another name", block("PUBLIC KEY", der), true, false},
		{"under another name", block("CERTIFICATE", spki.Bytes), true, false},

		{"nothing", "", false, false},
		{"two keys", text + text, false, false},
		{"another key after it", text + pooledKey(2).public, false, false},
		{"text after it", text + "x", false, false},
		{"text before it", "x\n" + text, false, false},
		{"a broken block before it", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n" + text, false, false},
		{"another block before it", block("CERTIFICATE", der) + text, false, false},
		{"with headers", strings.Replace(text, "\n", "\nProc-Type: 4\n\n", 1), false, false},
		{"cut short", text[:200], false, false},
		{"more after the DER", block("PUBLIC KEY", append(spki.Bytes, 0)), false, false},
		{"a private key", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(pooledKey(1).rsa())), false, false},
		{"a private key under another name", block("PUBLIC KEY", x509.MarshalPKCS1PrivateKey(pooledKey(1).rsa())), false, false},
		{"a key that only agrees on keys", agreementKey(t), false, false},
		{"a certificate", certificate(t), false, false},
		{"endless", text + strings.Repeat("\n", 1<<20), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, err := keyrotation.ParsePublicKey(tt.text)
			if (err == nil) != tt.exact || tt.exact && !pooledKey(1).rsa().PublicKey.Equal(key) {
				t.Errorf("ParsePublicKey: got error %v, want success: %t", err, tt.exact)
			}
			if got := keyrotation.Fingerprint(tt.text); (got == want) != tt.same || !tt.same && got != "" {
				t.Errorf("got fingerprint %q, want %q: %t", got, want, tt.same)
			}
			if err != nil && strings.Contains(err.Error(), body[:20]) {
				t.Errorf("the error repeats the key: %v", err)
			}
		})
	}
}

// spaced is a PEM text with markers as in Vidbeo's own example.
func spaced(text string) string {
	return strings.NewReplacer("-----BEGIN PUBLIC KEY-----", "----- BEGIN PUBLIC KEY -----",
		"-----END PUBLIC KEY-----", "----- END PUBLIC KEY -----").Replace(text)
}

// What a platform shows of a key is that key, another one, or says nothing.
func TestWhatIsShownOfAPublicKey(t *testing.T) {
	ours, theirs := pooledKey(1).public, pooledKey(2).public
	base64Of := func(text string) string {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		return strings.Join(lines[1:len(lines)-1], "")
	}
	body, other := base64Of(ours), base64Of(theirs)
	same := 0
	for body[same] == other[same] {
		same++
	}
	begin := "-----BEGIN PUBLIC KEY-----\n"
	pkcs1 := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&pooledKey(1).rsa().PublicKey))
	for _, tt := range []struct {
		name, shown string
		want        keyrotation.Match
	}{
		{"all of it", ours, keyrotation.Same},
		{"64 characters", begin + body[:64], keyrotation.Same},
		{"64 characters and dots", begin + body[:64] + "...", keyrotation.Same},
		{"64 characters, an ellipsis, the end", begin + body[:64] + "…\n-----END PUBLIC KEY-----", keyrotation.Same},
		{"64 characters, dots, the last ones", begin + body[:64] + "...IDAQAB\n-----END PUBLIC KEY-----", keyrotation.Same},
		{"64 characters, stars", body[:64] + "****", keyrotation.Same},
		{"64 characters, a remark", body[:64] + "[truncated]", keyrotation.Same},
		{"70 characters in two lines, in one", spaced(begin) + body[:40] + " " + body[40:70], keyrotation.Same},
		{"64 characters of PKCS #1", pkcs1[:64], keyrotation.Same},

		{"63 characters", begin + body[:63], keyrotation.Unclear},
		{"what all keys begin with", begin + other[:same], keyrotation.Unclear},
		{"a few characters", begin + body[:4] + "...", keyrotation.Unclear},
		{"no characters", begin + "...", keyrotation.Unclear},
		{"the marker cut off", "-----BEGIN PUB", keyrotation.Unclear},
		{"nothing", "", keyrotation.Unclear},
		{"stars", "********", keyrotation.Unclear},
		{"a hash", "SHA256:0123456789abcdef0123456789abcdef0123456789abcdef", keyrotation.Unclear},
		{"a remark", "(hidden)", keyrotation.Unclear},
		{"its end", "..." + body[len(body)-80:], keyrotation.Unclear},
		{"64 characters, then another key", begin + body[:64] + "\n-----END PUBLIC KEY-----\n" + theirs, keyrotation.Unclear},

		{"another key", theirs, keyrotation.Different},
		{"another key, cut off", begin + other[:64], keyrotation.Different},
		{"another key, cut off where it begins to differ", begin + other[:same+1], keyrotation.Different},
		{"another kind of key", pooledKeyOf(store.ECDSAP256, 1).public, keyrotation.Different},
		{"a certificate", certificate(t), keyrotation.Different},
		{"more than it", begin + body[:64] + "AAAA" + body[64:], keyrotation.Different},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := keyrotation.MatchPublicKey(tt.shown, ours); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestWhatIsShownOfAnIssuedName(t *testing.T) {
	const ours = "playtoken #12 kabcdefghijklmnopqrstuvwxyz"
	for shown, want := range map[string]keyrotation.Match{
		ours: keyrotation.Same, " " + strings.ToUpper(ours): keyrotation.Same, strings.ReplaceAll(ours, " ", "_"): keyrotation.Same,
		"key: " + ours: keyrotation.Same, ours[:31]: keyrotation.Same, ours[:31] + "…": keyrotation.Same,
		ours[:30]: keyrotation.Unclear, "playtoken": keyrotation.Unclear, "": keyrotation.Unclear, "***": keyrotation.Unclear,
		"made by hand": keyrotation.Different, "playtoken #13 kabcdefghijklmnopqrstuvwxyz": keyrotation.Different, ours[:30] + "x": keyrotation.Different,
	} {
		if got := keyrotation.MatchName(shown, ours); got != want {
			t.Errorf("%q: got %d, want %d", shown, got, want)
		}
	}
}

// agreementKey is a key of X25519, which signs nothing.
func agreementKey(t *testing.T) string {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return block("PUBLIC KEY", der)
}

func certificate(t *testing.T) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	key := pooledKey(1).rsa()
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der)
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(pooledKey(1).public)
	f.Add(strings.ReplaceAll(pooledKey(2).public, "\n", "\r\n "))
	f.Add("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----")
	f.Add(spaced(strings.ReplaceAll(pooledKey(1).public, "\n", `\n`)))
	f.Add(pooledKey(1).public[:100] + "…")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := keyrotation.ParsePublicKey(text)
		fingerprint := keyrotation.Fingerprint(text)
		if match := keyrotation.MatchPublicKey(text, pooledKey(1).public); (match == keyrotation.Same) && fingerprint != "" &&
			fingerprint != keyrotation.Fingerprint(pooledKey(1).public) {
			t.Fatalf("got a match with another key, fingerprint %q", fingerprint)
		}
		if err != nil {
			if key != nil {
				t.Fatalf("half a key: %v", err)
			}
			return
		}
		again, err := keyrotation.EncodePublicKey(key)
		if err != nil || keyrotation.Fingerprint(again) != fingerprint || len(fingerprint) != 64 {
			t.Fatalf("written again: %v, %q and %q", err, fingerprint, keyrotation.Fingerprint(again))
		}
	})
}

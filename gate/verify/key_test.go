package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"playtoken/gate/verify"
)

func public(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PUBLIC KEY", der)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// written is a key as it is sent, and whether it is taken.
type written struct {
	name, text string
	ok         bool
}

func publicKeys(t *testing.T) []written {
	key := &ours().PublicKey
	good := public(t, key)
	der, _ := x509.MarshalPKIXPublicKey(key)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	point, _ := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	point[len(point)-1] ^= 1
	offCurve := block("PUBLIC KEY", point)
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(ours())
	sized := func(bits uint, e int) string {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return public(t, &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: e})
	}
	even := new(big.Int).Lsh(big.NewInt(1), 2047)
	return []written{
		{"as made", good, true},
		{"CRLF", strings.ReplaceAll(good, "\n", "\r\n"), true},
		{"no last line end", strings.TrimSpace(good), true},
		{"4096 bits", sized(4096, 65537), true},
		{"8192 bits", sized(8192, 65537), true},
		{"8193 bits", sized(8193, 65537), false},
		{"2047 bits", sized(2047, 65537), false},
		{"1024 bits", sized(1024, 65537), false},
		{"exponent 3", sized(2048, 3), false},
		{"exponent 65536", sized(2048, 65536), false},
		{"exponent 65539", sized(2048, 65539), true},
		{"even modulus", public(t, &rsa.PublicKey{N: even, E: 65537}), false},
		{"empty", "", false},
		{"text before", "hello\n" + good, false},
		{"text after", good + "hello", false},
		{"two keys", good + good, false},
		{"P-256", public(t, &ec.PublicKey), true},
		{"P-521", public(t, &p521.PublicKey), false},
		{"P-256, a point that is not on it", offCurve, false},
		{"Ed25519", public(t, ed), true},
		{"PKCS #1", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(key)), false},
		{"PKCS #1 under the wrong name", block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(key)), false},
		{"certificate", block("CERTIFICATE", der), false},
		{"private key", block("PRIVATE KEY", pkcs8), false},
		{"private key under the wrong name", block("PUBLIC KEY", pkcs8), false},
		{"DER with more after it", block("PUBLIC KEY", append(append([]byte{}, der...), 0)), false},
		{"headers", strings.Replace(good, "KEY-----\n", "KEY-----\nA: b\n\n", 1), false},
		{"spaces in the first line", strings.Replace(good, "-----BEGIN PUBLIC KEY-----", "----- BEGIN PUBLIC KEY -----", 1), false},
		{"not PEM", "MIIB", false},
	}
}

func TestPublicKeys(t *testing.T) {
	for _, c := range publicKeys(t) {
		t.Run(c.name, func(t *testing.T) {
			got, err := verify.ParsePublicKey(c.text)
			if (err == nil) != c.ok {
				t.Fatalf("error is %v, want ok %v", err, c.ok)
			}
			if err != nil && len(c.text) > 200 && strings.Contains(err.Error(), c.text[100:120]) {
				t.Errorf("the error shows the key: %v", err)
			}
			if err == nil && got == nil {
				t.Error("no key")
			}
		})
	}
}

func TestTheKeyThatIsReadIsTheOneThatWasSent(t *testing.T) {
	key, err := verify.ParsePublicKey(strings.ReplaceAll(public(t, &ours().PublicKey), "\n", "\r\n"))
	if err != nil || !ours().PublicKey.Equal(key) {
		t.Errorf("ParsePublicKey = %v, %v, want the key that was written", key, err)
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(public(f, &ours().PublicKey))
	f.Add("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := verify.ParsePublicKey(text)
		if err != nil {
			return
		}
		again, err := verify.ParsePublicKey(public(t, key))
		if err != nil || !again.(interface{ Equal(crypto.PublicKey) bool }).Equal(key) {
			t.Errorf("%q does not survive being written again: %v", text, err)
		}
	})
}

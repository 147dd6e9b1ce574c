package keyrotation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
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
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestAPublicKeyIsTheSameHoweverItIsLaidOut(t *testing.T) {
	text := pooledKey(1).public
	der := x509.MarshalPKCS1PublicKey(&pooledKey(1).private.PublicKey)
	spki, _ := pem.Decode([]byte(text))
	sum := sha256.Sum256(spki.Bytes)
	want := hex.EncodeToString(sum[:])
	body := base64.StdEncoding.EncodeToString(spki.Bytes)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, tt := range []struct {
		name, text string
		same       bool
	}{
		{"as it was made", text, true},
		{"with CRLF", strings.ReplaceAll(text, "\n", "\r\n"), true},
		{"without a last line end", strings.TrimSpace(text), true},
		{"in one line", "-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END PUBLIC KEY-----", true},
		{"in short lines", "-----BEGIN PUBLIC KEY-----\n" + strings.Join(strings.SplitAfterN(body, "", 30), "\n") + "\n-----END PUBLIC KEY-----", true},
		{"with white space at line ends", strings.ReplaceAll(text, "\n", " \t\n"), true},
		{"with white space around it", "\n\n  " + text + " \n\n", true},
		{"indented", "  " + strings.Join(lines, "\n  "), true},

		{"nothing", "", false},
		{"no PEM", body, false},
		{"two keys", text + text, false},
		{"another key after it", text + pooledKey(2).public, false},
		{"text after it", text + "x", false},
		{"text before it", "x\n" + text, false},
		{"a broken block before it", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n" + text, false},
		{"another block before it", block("CERTIFICATE", der) + text, false},
		{"with headers", strings.Replace(text, "\n", "\nProc-Type: 4\n\n", 1), false},
		{"cut short", text[:200], false},
		{"more after the DER", block("PUBLIC KEY", append(spki.Bytes, 0)), false},
		{"PKCS #1", block("RSA PUBLIC KEY", der), false},
		{"PKCS #1 under another name", block("PUBLIC KEY", der), false},
		{"a private key", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(pooledKey(1).private)), false},
		{"a private key under another name", block("PUBLIC KEY", x509.MarshalPKCS1PrivateKey(pooledKey(1).private)), false},
		{"an elliptic curve", ellipticKey(t), false},
		{"a certificate", certificate(t), false},
		{"endless", text + strings.Repeat("\n", 1<<20), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, err := keyrotation.ParsePublicKey(tt.text)
			if (err == nil) != tt.same || tt.same && !key.Equal(&pooledKey(1).private.PublicKey) {
				t.Errorf("parsed: %v", err)
			}
			if got := keyrotation.Fingerprint(tt.text); (got == want) != tt.same || !tt.same && got != "" {
				t.Errorf("fingerprint %q, want %q: %t", got, want, tt.same)
			}
			if err != nil && strings.Contains(err.Error(), body[:20]) {
				t.Errorf("the error repeats the key: %v", err)
			}
		})
	}
}

func ellipticKey(t *testing.T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return block("PUBLIC KEY", der)
}

func certificate(t *testing.T) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	key := pooledKey(1).private
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
	f.Fuzz(func(t *testing.T, text string) {
		key, err := keyrotation.ParsePublicKey(text)
		fingerprint := keyrotation.Fingerprint(text)
		if err != nil {
			if key != nil || fingerprint != "" {
				t.Fatalf("half a key: %v, %q", err, fingerprint)
			}
			return
		}
		again, err := keyrotation.EncodePublicKey(key)
		if err != nil || keyrotation.Fingerprint(again) != fingerprint || len(fingerprint) != 64 {
			t.Fatalf("written again: %v, %q and %q", err, fingerprint, keyrotation.Fingerprint(again))
		}
	})
}

package signer_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log"
	"time"

	"playtoken/gate/verify"
	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

// oneKey is a store with one ring and one private key in memory.
type oneKey struct {
	ring    []byte
	private *rsa.PrivateKey
}

func (o oneKey) Read(context.Context, string) (store.Document, error) {
	return store.Document{Data: o.ring, Version: 1}, nil
}

func (o oneKey) Sign(_ context.Context, _ string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	value, err := scheme.Sign(o.private, input)
	return signer.Signature{Value: value}, err
}

// film is the shape of a platform's tokens.
type film struct{}

func (film) Claims(req signer.Request, issued, expires time.Time) (map[string]any, error) {
	return map[string]any{"sub": req.VideoID, "exp": expires.Unix()}, nil
}

func (film) URLs(videoID, token string) signer.URLs {
	return signer.URLs{HLS: "https://video.example/" + videoID + "/index.m3u8?jwt=" + token}
}

func (film) Delivery() signer.Delivery {
	return signer.Delivery{Place: signer.InQuery, Name: "jwt", Renew: signer.RenewByRequest}
}

// newOneKey makes a ring whose active key is in memory.
func newOneKey() (oneKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return oneKey{}, err
	}
	public, err := keyrotation.EncodePublicKey(&private.PublicKey)
	if err != nil {
		return oneKey{}, err
	}
	ring := keyrotation.Ring{
		Project: "default",
		Keys: []keyrotation.Key{{
			Generation: 1, State: keyrotation.Active, StoreName: "playtoken_1", KeyID: "key-1",
			PublicKey: public, Fingerprint: keyrotation.Fingerprint(public), Kind: store.RSA2048, MaxTTL: time.Hour,
		}},
		Durations: keyrotation.Durations{ViewAge: 10 * time.Second, Propagation: time.Minute},
	}
	data, err := ring.Encode()
	return oneKey{ring: data, private: private}, err
}

// RS256 mints a token with the active key of a ring.
func ExampleShapeMinter_Mint() {
	keys, err := newOneKey()
	if err != nil {
		log.Fatal(err)
	}
	signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: keys, Remembered: 100})
	if err != nil {
		log.Fatal(err)
	}
	defer signatures.Close()
	view := signer.NewRingView(keys, "default")
	defer view.Close()

	minter := signer.ShapeMinter{
		Ring: view, Signatures: signatures, Shape: film{},
		Policy: signer.Policy{DefaultTTL: 10 * time.Minute, MaxTTL: time.Hour},
	}
	token, err := minter.Mint(context.Background(), signer.Request{VideoID: "film-7"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.KeyID, token.ExpiresAt.Sub(token.IssuedAt))

	// A platform verifies it with the public key that was registered.
	read, err := verify.Verify(token.Value, "film-7", time.Now(), func(keyID string) (crypto.PublicKey, bool) {
		return &keys.private.PublicKey, keyID == "key-1"
	})
	fmt.Println(read.Subject, err)
	// Output:
	// key-1 10m0s
	// film-7 <nil>
}

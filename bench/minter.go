package main

import (
	"context"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/vidbeo"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/signer/rsakey"
)

// memory is a store without any cost: a key that is held, and a ring that
// names it.
type memory struct {
	key  *rsakey.Key
	ring []byte
}

func (m memory) SignSHA256(_ context.Context, _ string, digest [32]byte) ([]byte, error) {
	return m.key.SignSHA256(digest)
}

func (m memory) Read(context.Context, string) (keyrotation.Document, error) {
	return keyrotation.Document{Data: m.ring, Version: 1}, nil
}

// newMinter is the signer as the program puts it together, on such a store.
func newMinter(j job, key *rsakey.Key) (*signer.RS256, func(), error) {
	ring, err := j.ring()
	if err != nil {
		return nil, nil, err
	}
	platform, err := vidbeo.New(vidbeo.Config{Credential: secret.New("not used: nothing is registered")})
	if err != nil {
		return nil, nil, err
	}
	store := memory{key, ring}
	signatures, err := signer.NewSignatures(store, 20_000)
	if err != nil {
		return nil, nil, err
	}
	view := signer.NewRingView(store, "default")
	minter := &signer.RS256{
		Ring: view, Signatures: signatures, Shape: platform,
		Policy: signer.Policy{DefaultTTL: 10 * time.Minute, MaxTTL: time.Hour},
	}
	return minter, func() { view.Close(); signatures.Close() }, nil
}

// ring is a ring whose only key is the job's.
func (j job) ring() ([]byte, error) {
	private, err := j.private()
	if err != nil {
		return nil, err
	}
	public, err := keyrotation.EncodePublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	named := keyrotation.Ring{
		Project: "default",
		Keys: []keyrotation.Key{{
			Generation: 1, State: keyrotation.Active, StoreName: "in_memory", KeyID: "5f2c0e8e-5d3c-4b7e-9a5e-000000000001",
			PublicKey: public, Fingerprint: keyrotation.Fingerprint(public), Bits: 2048, MaxTTL: time.Hour,
		}},
		Durations: keyrotation.Durations{ViewAge: 15 * time.Second},
	}
	return named.Encode()
}

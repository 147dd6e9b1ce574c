package main

import (
	"context"
	"crypto"
	"errors"
	"log/slog"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/vidbeo"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// fixedStore is a store without any cost. It has a ring with one key, which can
// only be exported.
type fixedStore struct {
	job  job
	ring []byte
}

func (s fixedStore) Sign(context.Context, string, signer.Scheme, []byte) (signer.Signature, error) {
	return signer.Signature{}, signer.ErrUnavailable // until the key is in memory
}

func (s fixedStore) Export(context.Context, string) (crypto.Signer, error) { return s.job.private() }

func (s fixedStore) Read(context.Context, string) (store.Document, error) {
	return store.Document{Data: s.ring, Version: 1}, nil
}

var policy = signer.Policy{DefaultTTL: 10 * time.Minute, MaxTTL: time.Hour}

// newMinter returns the signer that the program uses in memory mode, on a
// fixedStore. It returns once the signer mints.
func newMinter(ctx context.Context, j job) (*signer.ShapeMinter, func(), error) {
	ring, err := j.ring()
	if err != nil {
		return nil, nil, err
	}
	platform, err := vidbeo.New(vidbeo.Config{Credential: secret.New("not used: nothing is registered")})
	if err != nil {
		return nil, nil, err
	}
	keys := fixedStore{job: j, ring: ring}
	memory := signer.NewMemory(keys, slog.New(slog.DiscardHandler))
	signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: memory, InMemory: memory.Holds, Remembered: 20_000})
	if err != nil {
		return nil, nil, err
	}
	minter := &signer.ShapeMinter{Ring: memory.RingView(keys, "default"), Signatures: signatures, Shape: platform, Policy: policy}
	end := func() { minter.Ring.Close(); signatures.Close(); memory.Close() }
	err = signer.ErrUnavailable
	for errors.Is(err, signer.ErrUnavailable) && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
		_, err = minter.Mint(ctx, signer.Request{VideoID: "warm"})
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	return minter, end, nil
}

// ring returns a ring whose only key is that of the job.
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
			PublicKey: public, Fingerprint: keyrotation.Fingerprint(public), Kind: store.RSA2048, Exportable: true, MaxTTL: time.Hour,
		}},
		Durations: keyrotation.Durations{ViewAge: 15 * time.Second},
	}
	return named.Encode()
}

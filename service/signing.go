package service

import (
	"fmt"
	"log/slog"

	"playtoken/metrics"
	"playtoken/signer"
	"playtoken/tracing"
)

// sharedSignatures is how many signatures are kept to be shared; each takes
// about half a KiB.
const sharedSignatures = 20_000

// signing is what the tokens of all projects are signed with.
type signing struct {
	store      Store
	memory     *signer.Memory // nil: private keys stay in the store
	signatures *signer.Signatures
}

// openSigning has tokens signed in the store, or, with hold, in memory.
func openSigning(store Store, hold bool, measured *metrics.Service, tracer *tracing.Tracer, log *slog.Logger) (*signing, error) {
	s := &signing{store: store}
	config := signer.SignaturesConfig{Keys: store, Remembered: sharedSignatures}
	if hold {
		if err := forbidDumps(); err != nil {
			return nil, fmt.Errorf("before private keys are held in memory: %w", err)
		}
		s.memory = signer.NewMemory(store, log)
		config.Keys, config.InMemory = s.memory, s.memory.Holds
		measured.Faults(s.memory.Faults)
	}
	config.Keys = measured.Signing(tracer.Signing(config.Keys))
	var err error
	if s.signatures, err = signer.NewSignatures(config); err != nil {
		s.close()
		return nil, err
	}
	measured.Shared(s.signatures.Shared)
	return s, nil
}

func (s *signing) close() {
	if s.signatures != nil {
		s.signatures.Close()
	}
	if s.memory != nil {
		s.memory.Close()
	}
}

// ringView returns a view of the ring with this id, which says by which key to
// sign.
func (s *signing) ringView(id string) *signer.RingView {
	if s.memory != nil {
		return s.memory.RingView(s.store, id)
	}
	return signer.NewRingView(s.store, id)
}

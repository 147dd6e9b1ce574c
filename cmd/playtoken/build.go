package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"playtoken/filekeys"
	"playtoken/keyrotation"
	"playtoken/metrics"
	"playtoken/platforms/vidbeo"
	"playtoken/projects"
	"playtoken/signer"
	"playtoken/vaultkeys"
)

// remembered is how many signatures are kept to be shared; each takes about
// half a KiB.
const remembered = 20_000

// store is both jobs of a store.
type store interface {
	keyrotation.Documents
	keyrotation.PrivateKeys
	signer.PrivateKeys
}

// parts is what serve and every verb are made of.
type parts struct {
	config    config
	metrics   *metrics.Service
	store     store                                    // as the metrics measure it
	exporter  signer.Exporter                          // the store again
	storeTime func(context.Context) (time.Time, error) // nil where the store has no clock of its own
	mayRotate func(context.Context) (bool, error)      // nil where whoever reads the store may change keys

	// Of the project default; both nil where the environment does not make it.
	rotator *keyrotation.Rotator
	minter  *signer.RS256

	closers []func() // in the order of opening
}

// build opens the store and puts the parts together. Nothing is asked of
// Vault or the platform yet, so a service can start while either is down. A
// file store is made where there is none only for verbs that may create.
func build(ctx context.Context, c config, create bool, log *slog.Logger) (*parts, error) {
	measured, err := metrics.NewService(buildVersion().build())
	if err != nil {
		return nil, err
	}
	p := &parts{config: c, metrics: measured}
	open := p.openVault
	if c.storeFile != "" {
		open = p.openFile
	}
	if err := open(ctx, create, log); err != nil {
		return nil, err
	}
	if c.platformKey.IsZero() {
		return p, nil
	}
	if err := p.openProject(log); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// close gives everything back, last opened first.
func (p *parts) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

func (p *parts) openVault(ctx context.Context, _ bool, log *slog.Logger) error {
	vault, err := vaultkeys.Open(ctx, vaultkeys.Config{
		Token: p.config.vaultToken, Login: p.config.vaultLogin,
		Transit: p.config.vaultTransit, KV: p.config.vaultKV, Log: log,
	})
	if err != nil {
		return configError{err} // nothing was asked of Vault yet
	}
	measured := p.metrics.Store(vault)
	p.store, p.exporter, p.storeTime, p.mayRotate = measured, measured, vault.Now, vault.MayRotate
	p.watchLogin(vault)
	p.closers = append(p.closers, vault.Close)
	return nil
}

func (p *parts) openFile(_ context.Context, create bool, _ *slog.Logger) error {
	file, err := filekeys.Open(p.config.storeFile, p.config.storePassword, filekeys.Options{Create: create})
	switch {
	case errors.Is(err, keyrotation.ErrUnavailable):
		return err
	case err != nil:
		return configError{err}
	}
	measured := p.metrics.Store(file)
	p.store, p.exporter, p.storeTime = measured, measured, file.Now
	return nil
}

func (p *parts) openProject(log *slog.Logger) error {
	c := p.config
	platform, err := vidbeo.New(vidbeo.Config{
		URL: c.platformURL, Credential: c.platformKey,
		LandingURL: c.landing, EmbedURL: c.embed, HLSURL: c.hls,
		Timeout: c.rotation.Durations.CallTimeout(),
	})
	if err != nil {
		return configError{err}
	}
	keys, ring, err := p.openSigning(log)
	if err != nil {
		return err
	}
	signatures, err := signer.NewSignatures(p.metrics.Signing(keys), remembered)
	if err != nil {
		return err
	}
	p.metrics.Shared(signatures.Shared)
	p.closers = append(p.closers, signatures.Close)
	p.minter = &signer.RS256{
		Ring: ring, Signatures: signatures, Shape: platform,
		Policy: signer.Policy{DefaultTTL: c.tokenTTL, MaxTTL: c.rotation.MaxTTL},
	}
	p.rotator = &keyrotation.Rotator{
		Project: projects.Default, Documents: p.store, Keys: p.store, Platform: marked{p.metrics.Platform("vidbeo", platform)},
		StoreTime: p.storeTime, Policy: c.rotation, Log: log,
	}
	p.metrics.Watch(projects.Default, p.rotator)
	return nil
}

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"playtoken/audit"
	"playtoken/filekeys"
	"playtoken/keyrotation"
	"playtoken/metrics"
	"playtoken/platforms/all"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/projects/viewers"
	"playtoken/settings"
	"playtoken/signer"
	"playtoken/store"
	"playtoken/vaultkeys"
)

// remembered is how many signatures are kept to be shared; each takes about
// half a KiB.
const remembered = 20_000

// keyStore holds documents and private keys, and signs.
type keyStore interface {
	store.Documents
	store.PrivateKeys
	signer.PrivateKeys
}

// parts is what serve and every verb are made of.
type parts struct {
	config    settings.Settings
	log       *slog.Logger
	stderr    io.Writer
	metrics   *metrics.Service
	store     keyStore                                 // as the metrics measure it
	exporter  signer.Exporter                          // the store again
	storeTime func(context.Context) (time.Time, error) // nil where the store has no clock of its own
	mayRotate func(context.Context) (bool, error)      // nil where whoever reads the store may change keys
	vault     *vaultkeys.Store                         // nil: the store is a file

	kinds    projects.Kinds
	projects *projects.Store
	view     *projects.View
	viewers  *viewers.Viewers
	audit    *audit.Log
	workshop *workshop
	held     *readings // of all rings

	memory     *signer.Memory // nil: keys stay in the store
	signatures *signer.Signatures
	access     *access.Access
	own        *keyrotation.Rotator // of the keys that access tokens are signed with

	closers []func() // in the order of opening
}

// build opens the store and puts the parts together. Nothing is asked of
// Vault or a platform yet, so a service can start while either is down. A
// file store is made where there is none only for verbs that may create.
func build(ctx context.Context, c settings.Settings, create bool, log *slog.Logger, stderr io.Writer) (*parts, error) {
	measured, err := metrics.NewService(buildVersion().build())
	if err != nil {
		return nil, err
	}
	p := &parts{config: c, metrics: measured, log: log, stderr: stderr, kinds: all.Kinds()}
	open := p.openVault
	if c.StoreFile != "" {
		open = p.openFile
	}
	if err := open(ctx, create); err != nil {
		return nil, err
	}
	for _, open := range []func() error{p.openSigning, p.openProjects, p.openAudit, p.openAccess} {
		if err := open(); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

// build is for verbs that a person runs.
func (a *app) build(ctx context.Context, c settings.Settings, create bool) (*parts, error) {
	return build(ctx, c, create, a.log(), a.stderr)
}

// close gives everything back, last opened first.
func (p *parts) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

func (p *parts) openVault(ctx context.Context, _ bool) error {
	vault, err := vaultkeys.Open(ctx, vaultkeys.Config{
		Token: p.config.Vault.Token, Login: vaultLogin(p.config.Vault),
		Transit: p.config.Vault.Transit, KV: p.config.Vault.KV, Log: p.log,
	})
	if err != nil {
		return settings.Error{err} // nothing was asked of Vault yet
	}
	measured := p.metrics.Store(vault)
	p.store, p.exporter, p.storeTime, p.mayRotate = measured, measured, vault.Now, vault.MayRotate
	p.vault = vault
	p.watchLogin(vault)
	p.closers = append(p.closers, vault.Close)
	return nil
}

func (p *parts) openFile(_ context.Context, create bool) error {
	file, err := filekeys.Open(p.config.StoreFile, p.config.StorePassword, filekeys.Options{Create: create})
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return err
	case err != nil:
		return settings.Error{err}
	}
	measured := p.metrics.Store(file)
	p.store, p.exporter, p.storeTime = measured, measured, file.Now
	return nil
}

func vaultLogin(v settings.Vault) vaultkeys.Login {
	return vaultkeys.Login{
		Method: v.Method, Path: v.Path, RoleID: v.RoleID, SecretID: v.SecretID, Role: v.Role, JWTFile: v.JWTFile,
	}
}

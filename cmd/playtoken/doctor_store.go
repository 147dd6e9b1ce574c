package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"playtoken/audit"
	"playtoken/filekeys"
	"playtoken/store"
	"playtoken/vaultkeys"
)

// unopened says why the parts could not be put together.
func unopened(c config, err error) finding {
	if exposed, ok := errors.AsType[*filekeys.Exposed](err); ok {
		return wrongWith("store", err, err.Error(), exposed.Remedy)
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok && file.Path == c.auditFile && c.auditFile != "" {
		return wrongWith("audit", err, err.Error(), "let the user who runs this append to it: mkdir -p "+
			filepath.Dir(c.auditFile)+" && touch "+c.auditFile+"; until then nothing that has to be on record is done")
	}
	return wrongWith("store", err, err.Error(), "check PLAYTOKEN_STORE, its password and its file")
}

// rights is what the store's credential may do: a file is open to whoever can
// read it, and Vault is asked.
func (d examination) rights(ctx context.Context) []finding {
	if d.vault == nil {
		return d.file()
	}
	rights, err := d.vault.Rights(ctx, d.config.rotation.KeySpec.Exportable)
	switch {
	case errors.Is(err, vaultkeys.ErrForbidden):
		return []finding{wrongWith("rights", err, err.Error(), d.setup("either role"))}
	case err != nil:
		return nil // the store's finding says it
	}
	role := rights.Role.Name()
	findings := []finding{d.tokenLife(rights)}
	if len(rights.Missing) > 0 {
		findings = append(findings, wrongWith("rights", errors.New("rights"), "Vault's policies lack "+listRights(rights.Missing), d.setup(role)))
	}
	if len(rights.Excess) > 0 { // everything works with it, and so it would in other hands
		findings = append(findings, remark("rights",
			"whoever steals the credential may do more than playtoken ever does: "+listRights(rights.Excess), d.setup(role)))
	}
	if len(rights.Policies) > 0 {
		findings = append(findings, remark("rights", "policies beyond playtoken's: "+strings.Join(rights.Policies, ", "),
			"only where they are not meant: "+d.setup(role)))
	}
	if len(rights.Missing) == 0 {
		findings = append(findings, fine("rights", map[vaultkeys.Role]string{
			vaultkeys.Signer:  "may sign, and may not rotate: that is left to others",
			vaultkeys.Rotator: "may sign and rotate",
		}[rights.Role]))
	}
	return findings
}

func listRights(rights []vaultkeys.Right) string {
	var all []string
	for _, r := range rights {
		capabilities := strings.Join(r.Capabilities, ", ")
		if capabilities == "" {
			capabilities = "something"
		}
		all = append(all, fmt.Sprintf("%s on %s (%s)", capabilities, r.Path, r.Why))
	}
	return strings.Join(all, "; ")
}

// setup is how a process gets the rights of a role, and no others.
func (d examination) setup(role string) string {
	memory := ""
	if d.config.rotation.KeySpec.Exportable {
		memory = " --memory-signing"
	}
	return "as an operator of Vault: playtoken vault setup" + memory +
		d.config.mountSettings() + ", then log in with the policy of " + role + " alone, as it prints"
}

// soonOver is when a token that nothing prolongs is a problem already.
const soonOver = 24 * time.Hour

// tokenLife: a token that was handed to us is renewed, if it can be; nobody
// replaces it.
func (d examination) tokenLife(rights vaultkeys.Rights) finding {
	life, end := rights.Token, rights.Token.Until
	if !life.Renewable {
		end = life.ExpiresAt
	}
	remedy := "export VAULT_TOKEN=\"$(vault token create -orphan -no-default-policy -policy=" + rights.Role.Name() +
		" -period=24h -field=token)\", or let it log in by a role: playtoken vault setup --approle"
	switch {
	case life.Replaced:
		return fine("login", "by "+d.config.vaultLogin.Method+", again and again")
	case end.IsZero() && life.Renewable:
		return fine("login", "by a token that is renewed while serve runs")
	case end.IsZero():
		return fine("login", "by a token that never expires")
	case !life.Renewable:
		return wrongWith("login", errors.New("login"), "the token expires at "+moment(end)+" and cannot be renewed; nothing is minted from then on", remedy)
	case time.Until(end) < soonOver:
		return wrongWith("login", errors.New("login"), "the token cannot be renewed beyond "+moment(end)+"; nothing is minted from then on", remedy)
	}
	return remark("login", "the token cannot be renewed beyond "+moment(end), remedy)
}

// file is who else may open, or replace, a file store.
func (d examination) file() []finding {
	exposed, err := filekeys.Exposures(d.config.storeFile)
	if err != nil {
		return []finding{wrongWith("rights", err, err.Error(), "make the file and its directory readable")}
	}
	var findings []finding
	for _, e := range exposed {
		findings = append(findings, wrongWith("rights", errors.New("rights"), fmt.Sprintf("%s: %s (mode %04o)", e.Path, e.Why, e.Mode.Perm()), e.Remedy))
	}
	if findings == nil {
		findings = []finding{fine("rights", "nobody else may open or replace the store's file")}
	}
	return findings
}

// secretsDocument is where projects keeps the root of the deployment's own
// secrets, which whoever may write makes when one is needed first.
const secretsDocument = "deployment/secrets"

// secrets: a process that may only sign cannot make them.
func (d examination) secrets(ctx context.Context) []finding {
	_, err := d.store.Read(ctx, secretsDocument)
	switch missing := errors.Is(err, store.ErrNotFound); {
	case err != nil && !missing:
		return []finding{wrongWith("secrets", err, err.Error(), "make the store reachable, and readable with our credential")}
	case missing && errors.Is(d.permit(ctx), readOnly{}):
		return []finding{wrongWith("secrets", errors.New("secrets"),
			"the deployment's own secrets were never made, and this process may not make them: API keys, access tokens and the record of what was done need them",
			"once, with a rotator's credential: playtoken rotate")}
	case missing:
		return []finding{fine("secrets", "made when they are needed first")}
	}
	return []finding{fine("secrets", "there")}
}

// record is whether what is done can be put on record, and whether what is on
// record was left alone.
func (d examination) record(ctx context.Context) []finding {
	path := d.config.auditFile
	if path == "" {
		return []finding{fine("audit", "to stderr: whoever keeps that keeps the record")}
	}
	dir := filepath.Dir(path)
	if err := syscall.Access(dir, 2 /* W_OK */); err != nil {
		return []finding{wrongWith("audit", err, fmt.Sprintf("nothing can be written to %s, where it is noted how far the record goes: %v", dir, err), "chown $(id -u) "+dir)}
	}
	if info, err := os.Stat(path); err == nil && info.Size() == 0 && !exists(path+".head") {
		return []finding{fine("audit", "nothing is on record yet")}
	}
	if _, err := d.store.Read(ctx, secretsDocument); err != nil {
		return nil // the finding about secrets says it
	}
	key, err := d.projects.Secret(ctx, auditKey)
	if err != nil {
		return nil
	}
	report, err := audit.VerifyFile(path, key)
	switch {
	case err != nil:
		return []finding{wrongWith("audit", err, err.Error(), "playtoken audit verify "+path)}
	case !report.Sound():
		return []finding{wrongWith("audit", errors.New("audit"), "the record was tampered with, or damaged, or belongs to another store: "+report.Problem,
			"playtoken audit verify "+path+"; keep the file for whoever looks into it, and begin another: mv "+path+" "+path+".kept")}
	}
	return []finding{fine("audit", fmt.Sprintf("%d lines, none altered", report.Lines))}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

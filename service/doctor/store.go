package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"playtoken/audit"
	"playtoken/durations"
	"playtoken/filekeys"
	"playtoken/service"
	"playtoken/settings"
	"playtoken/vaultkeys"
)

// unopened says why the deployment could not be put together.
func unopened(set settings.Settings, err error) Finding {
	if exposed, ok := errors.AsType[*filekeys.Exposed](err); ok {
		return failure(StoreTooOpen, err, Data{Path: exposed.Path, Command: exposed.Remedy})
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok && file.Path == set.AuditFile && set.AuditFile != "" {
		return failure(AuditUnopenable, err, Data{Path: set.AuditFile})
	}
	return failure(StoreUnopenable, err, Data{})
}

func (d examination) storeWorks(ctx context.Context) []Finding {
	err := d.service.Storage.Answers(ctx)
	if locked, ok := errors.AsType[*vaultkeys.LockedOut](err); ok {
		return one(failure(VaultLockedOut, err, Data{Command: locked.Unlock()}))
	}
	if err != nil {
		return one(failure(StoreUnreachable, err, Data{}))
	}
	return append(one(newFinding(StoreAnswers, "answers", Data{})), d.lockedRoles(ctx)...)
}

// lockedRoles examines whether Vault has locked AppRoles. Only an operator's
// credential may look that up.
func (d examination) lockedRoles(ctx context.Context) (findings []Finding) {
	if d.service.Storage.Vault == nil {
		return nil
	}
	locks, err := d.service.Storage.Vault.Locks(ctx)
	if err != nil {
		return nil // not allowed, or the other findings say it
	}
	for _, lock := range locks {
		findings = append(findings, newFinding(VaultRolesLocked, "Vault has locked the AppRole with the id "+lock.Role, Data{Command: lock.Unlock()}))
	}
	return findings
}

func (d examination) clock(ctx context.Context) []Finding {
	asked := time.Now()
	theirs, err := d.service.Storage.Now(ctx)
	if err != nil {
		return one(failure(ClockUnknown, err, Data{}))
	}
	off := apart(theirs, asked, time.Now()).Round(time.Millisecond)
	if skew := d.service.Settings.Rotation.Durations.Skew; off.Abs() > skew {
		return one(newFinding(ClockApart, fmt.Sprintf("off by %s from the store's, more than the clock skew of %s that is allowed", durations.Text(off), durations.Text(skew)), Data{}))
	}
	return one(newFinding(ClockAgrees, fmt.Sprintf("within %s of the store's", durations.Text(off.Abs())), Data{}))
}

// apart is by how much our clock is ahead of the store's, which told its time
// at some moment between asked and answered.
func apart(theirs, asked, answered time.Time) time.Duration {
	switch {
	case theirs.Before(asked):
		return asked.Sub(theirs)
	case theirs.After(answered):
		return answered.Sub(theirs)
	}
	return 0
}

// rights examines what the store's credential may do. A file is open to every
// process that can read it; Vault is asked.
func (d examination) rights(ctx context.Context) []Finding {
	if d.service.Storage.Vault == nil {
		return d.file()
	}
	rights, err := d.service.Storage.Vault.Rights(ctx, d.service.Settings.Rotation.KeySpec.Exportable)
	switch {
	case errors.Is(err, vaultkeys.ErrForbidden):
		return one(failure(RightsUnknown, err, Data{}))
	case err != nil:
		return nil // the finding about the store says it
	}
	data := Data{Role: rights.Role.Name()}
	findings := []Finding{d.tokenLife(rights)}
	if len(rights.Missing) > 0 {
		findings = append(findings, newFinding(RightsMissing, "Vault's policies lack "+listRights(rights.Missing), data))
	}
	if len(rights.Excess) > 0 {
		findings = append(findings, newFinding(RightsExcessive,
			"a thief of the credential may do more than playtoken ever does: "+listRights(rights.Excess), data))
	}
	if len(rights.Policies) > 0 {
		findings = append(findings, newFinding(RightsOtherPolicy, "policies beyond playtoken's: "+strings.Join(rights.Policies, ", "), data))
	}
	switch {
	case len(rights.Missing) > 0:
	case rights.Role == vaultkeys.Signer:
		findings = append(findings, newFinding(RightsOfSigner, "may sign, and may not rotate: another process does that", data))
	default:
		findings = append(findings, newFinding(RightsOfRotator, "may sign and rotate", data))
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

// soonOver is when the end of a token that cannot be renewed is a problem
// already.
const soonOver = 24 * time.Hour

// tokenLife examines for how long the process can use Vault. A token from the
// environment is renewed, if it can be; only an operator can replace it.
func (d examination) tokenLife(rights vaultkeys.Rights) Finding {
	life, end := rights.Token, rights.Token.Until
	if !life.Renewable {
		end = life.ExpiresAt
	}
	data := Data{Role: rights.Role.Name(), Until: end}
	switch {
	case life.Replaced:
		return newFinding(LoginRepeats, "by "+d.service.Settings.Vault.Method+", again and again", data)
	case end.IsZero() && life.Renewable:
		return newFinding(LoginRenews, "by a token that is renewed while serve runs", data)
	case end.IsZero():
		return newFinding(LoginNeverEnds, "by a token that never expires", data)
	case !life.Renewable:
		return newFinding(LoginNotRenewable, "the token expires at "+moment(end)+" and cannot be renewed; nothing is minted from then on", data)
	case time.Until(end) < soonOver:
		return newFinding(LoginEndsSoon, "the token cannot be renewed beyond "+moment(end)+"; nothing is minted from then on", data)
	}
	return newFinding(LoginEndsLater, "the token cannot be renewed beyond "+moment(end), data)
}

// file examines who else may open, or replace, a file store.
func (d examination) file() []Finding {
	exposed, err := filekeys.Exposures(d.service.Settings.StoreFile)
	if err != nil {
		return one(failure(StoreFileUnchecked, err, Data{}))
	}
	var findings []Finding
	for _, e := range exposed {
		findings = append(findings, newFinding(StoreFileExposed, fmt.Sprintf("%s: %s (mode %04o)", e.Path, e.Why, e.Mode.Perm()),
			Data{Path: e.Path, Command: e.Remedy}))
	}
	if findings == nil {
		findings = one(newFinding(StoreFilePrivate, "only its owner may open or replace the store's file", Data{}))
	}
	if err := filekeys.LongEnough(d.service.Settings.StorePassword); err != nil {
		findings = append(findings, newFinding(StorePasswordShort, err.Error(), Data{}))
	}
	return findings
}

// secrets examines the deployment's own secrets, which a process that may only
// sign cannot make.
func (d examination) secrets(ctx context.Context) []Finding {
	exist, err := d.service.Projects.SecretsExist(ctx)
	switch {
	case err != nil:
		return one(failure(SecretsUnreadable, err, Data{}))
	case !exist && errors.Is(d.service.Storage.Permit(ctx), service.ErrReadOnly):
		return one(newFinding(SecretsMissing, "the deployment's own secrets were never made, and this process may not make them: "+
			"API keys, access tokens and audit records need them", Data{}))
	case !exist:
		return one(newFinding(SecretsNotYetMade, "made when they are first needed", Data{}))
	}
	return one(newFinding(SecretsPresent, "there", Data{}))
}

// record examines whether acts can be recorded, and whether the records were
// left alone.
func (d examination) record(ctx context.Context) []Finding {
	path := d.service.Settings.AuditFile
	if path == "" {
		return one(newFinding(AuditToStderr, "to stderr: the collector of stderr keeps the records", Data{}))
	}
	dir := filepath.Dir(path)
	if err := writable(dir); err != nil {
		f := failure(AuditUnwritable, err, Data{Path: dir})
		f.Detail = fmt.Sprintf("nothing can be written to %s, where it is noted how far the records go: %v", dir, err)
		return one(f)
	}
	if info, err := os.Stat(path); err == nil && info.Size() == 0 && !exists(path+".head") {
		return one(d.emptyRecord(ctx, path))
	}
	if exist, err := d.service.Projects.SecretsExist(ctx); err != nil || !exist {
		return nil // the finding about secrets says it
	}
	key, err := d.service.AuditKey(ctx)
	if err != nil {
		return nil
	}
	report, err := audit.VerifyFile(ctx, path, key, d.service.AuditAnchors())
	switch {
	case err != nil:
		return one(failure(AuditUnreadable, err, Data{Path: path}))
	case !report.Sound():
		return one(newFinding(AuditAltered, "the records were tampered with, or damaged, or belong to another store: "+report.Problem, Data{Path: path}))
	}
	return one(newFinding(AuditIntact, fmt.Sprintf("%d lines, none altered", report.Lines), Data{Path: path}))
}

// emptyRecord is about a file without lines, which may have had some.
func (d examination) emptyRecord(ctx context.Context, path string) Finding {
	if chain, err := d.service.AuditAnchors().Expects(ctx, path); err == nil && chain != "" {
		return newFinding(AuditAltered, "the records were deleted: the store confirms that chain "+chain+" was in this file", Data{Path: path})
	}
	return newFinding(AuditEmpty, "nothing is on record yet", Data{Path: path})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

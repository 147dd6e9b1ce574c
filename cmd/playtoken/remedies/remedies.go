// Package remedies says what a person can do about each finding of doctor, in
// commands and settings. It is the only place that does: package doctor
// examines a deployment and knows no command line.
package remedies

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"playtoken/handlers"
	"playtoken/service/doctor"
	"playtoken/settings"
)

// advice is what a person can do about a finding.
type advice struct {
	do       func(f doctor.Finding, c settings.Settings) string
	settings bool // what is wrong is how the deployment or the project is set
}

// For returns what to do about a finding, "" if there is nothing to do.
func For(f doctor.Finding, c settings.Settings) string {
	if row, ok := table[f.Code]; ok {
		return row.do(f, c)
	}
	return ""
}

// IsSetting reports whether what is wrong is how the deployment or the project
// is set.
func IsSetting(code doctor.Code) bool { return table[code].settings }

// advise is the same advice for every finding with a code.
func advise(text string) advice {
	return advice{do: func(doctor.Finding, settings.Settings) string { return text }}
}

func adviseBy(do func(f doctor.Finding, c settings.Settings) string) advice {
	return advice{do: do}
}

// correct is advice about a setting.
func correct(do func(f doctor.Finding, c settings.Settings) string) advice {
	return advice{do: do, settings: true}
}

// forProject is advice that ends with the project's id.
func forProject(text string) advice {
	return adviseBy(func(f doctor.Finding, _ settings.Settings) string { return text + f.ProjectID })
}

// afterRestore is advice for a store that was put back: what makes every new
// token good at once. $ACTIVE, $STANDBY and $PROJECT stand for the finding's.
func afterRestore(text string) advice {
	return adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return strings.NewReplacer(
			"$ACTIVE", fmt.Sprint(f.Data.Generation), "$STANDBY", fmt.Sprint(f.Data.Standby),
			"$PROJECT", " --project "+f.ProjectID, "$REASON", " --reason 'a backup was put back'",
		).Replace(text)
	})
}

// table has a row for every code that is a problem or a note.
var table = map[doctor.Code]advice{
	doctor.SettingsInvalid: correct(func(doctor.Finding, settings.Settings) string { return "correct the environment" }),

	doctor.SettingDoubtful: advise("correct the environment"),

	doctor.StoreTooOpen:     adviseBy(func(f doctor.Finding, _ settings.Settings) string { return f.Data.Command }),
	doctor.StoreUnopenable:  advise("check PLAYTOKEN_STORE, its password and its file"),
	doctor.StoreUnreachable: advise("make the store reachable, unsealed, and readable with our credential"),

	doctor.VaultLockedOut: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "stop what presents an old secret id, then as an operator of Vault: " + f.Data.Command + "; playtoken vault setup --approle says how to switch such locks off"
	}),
	doctor.VaultRolesLocked: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "if it is a role of playtoken's, stop what presents an old secret id, then: " + f.Data.Command
	}),

	doctor.CertificateUnusable: correct(func(doctor.Finding, settings.Settings) string {
		return "check the files of PLAYTOKEN_TLS_CERT, PLAYTOKEN_TLS_KEY and PLAYTOKEN_TLS_CLIENT_CA"
	}),
	doctor.CertificateEndsSoon:  advise("renew the certificate of PLAYTOKEN_TLS_CERT; serve takes it up by itself"),
	doctor.CertificateOtherHost: advise("get a certificate for the host of PLAYTOKEN_URL, or correct that"),

	doctor.LoginNotRenewable: adviseBy(newToken),
	doctor.LoginEndsSoon:     adviseBy(newToken),
	doctor.LoginEndsLater:    adviseBy(newToken),
	doctor.RightsUnknown:     adviseBy(setUpVault),
	doctor.RightsMissing:     adviseBy(setUpVault),
	doctor.RightsExcessive:   adviseBy(setUpVault),
	doctor.RightsOtherPolicy: adviseBy(func(f doctor.Finding, c settings.Settings) string {
		return "only where they are not intended: " + setUpVault(f, c)
	}),
	doctor.StoreFileExposed:   adviseBy(func(f doctor.Finding, _ settings.Settings) string { return f.Data.Command }),
	doctor.StorePasswordShort: advise("create another store, with a password of 16 characters or more, and move to it; until then keep the file and its backups where no one else can read them"),
	doctor.StoreFileUnchecked: advise("make the file and its directory readable"),

	doctor.ClockUnknown: advise("make the store reachable"),
	doctor.ClockApart:   advise("synchronise this machine's clock, or allow more with PLAYTOKEN_CLOCK_SKEW; until then no key is activated or deleted"),

	doctor.SecretsUnreadable: advise("make the store reachable, and readable with our credential"),
	doctor.SecretsMissing:    advise("once, with a rotator's credential: playtoken rotate"),

	doctor.AuditUnopenable: adviseBy(appendToAudit),
	doctor.AuditUnwritable: adviseBy(func(f doctor.Finding, _ settings.Settings) string { return "chown $(id -u) " + f.Data.Path }),
	doctor.AuditUnreadable: adviseBy(func(f doctor.Finding, _ settings.Settings) string { return "playtoken audit verify " + f.Data.Path }),
	doctor.AuditAltered: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return fmt.Sprintf("playtoken audit verify %[1]s; keep the file for those who investigate, and begin another: mv %[1]s %[1]s.kept", f.Data.Path)
	}),

	doctor.LimitsUnshared: advise("look whether Redis is there and can be written, and whether PLAYTOKEN_REDIS_URL has its address, user and password; until then each replica counts its callers alone"),

	doctor.ProjectsNone:      advise("set PLAYTOKEN_PLATFORM_API_KEY to make the project default, or run playtoken project create"),
	doctor.ProjectUnknown:    advise("playtoken project list shows which there are"),
	doctor.ProjectUnopenable: advise("check its platform's settings and credential"),

	doctor.PlatformRefusesCredential: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return replaceCredential(f) + ", to one that the platform accepts and that may manage keys"
	}),
	doctor.PlatformThrottles: advise("its calls are used up for now: wait, or find out who else uses the credential"),
	doctor.PlatformUnreachable: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "look whether it is there and the way to it is open, or " + changeAddress(f) + "; minting may go on meanwhile"
	}),
	doctor.PlatformKindWrong: correct(func(f doctor.Finding, _ settings.Settings) string {
		if f.Data.FromSettings {
			return "PLAYTOKEN_PLATFORM=" + f.Data.Platform + ", and PLAYTOKEN_PLATFORM_URL to how viewers reach it; keys and their ids stay"
		}
		return fmt.Sprintf("playtoken project update %s --platform %s --setting url=HOW_VIEWERS_REACH_IT --credential %s=FILE; keys and their ids stay",
			f.ProjectID, f.Data.Platform, f.Data.Credential)
	}),
	doctor.CallsNearlyUsedUp: advise("find out who else uses the credential, or ask the platform for more"),
	doctor.CredentialExpires: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "renew it at the platform, then " + replaceCredential(f)
	}),
	doctor.WebhookSecretShort: forProject("write a viewer_policy.webhook_secret of 32 characters or more into FILE, give it to the webhook too, then: playtoken project update --from FILE "),
	doctor.IssuerUnreachable: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "curl " + strings.TrimSuffix(f.Data.Issuer, "/") + "/.well-known/openid-configuration; if it has moved, change viewer_policy: playtoken project update " +
			f.ProjectID + " --from FILE"
	}),

	doctor.RingUnreadable: advise("run the newest version of playtoken that ever worked with this store; else make the store readable"),
	doctor.KeyBudgetTooSmall: correct(func(f doctor.Finding, _ settings.Settings) string {
		return raiseBudget(f, fmt.Sprint(f.Data.KeysNeeded))
	}),
	doctor.PolicyContradictory: correct(mendPolicy),
	doctor.DurationsOnRecord:   adviseBy(recordedDurations),
	doctor.LifetimeOverRecord:  forProject("playtoken rotate --project "),
	doctor.KeysEnded: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "playtoken project delete " + f.ProjectID + " --revoke"
	}),
	doctor.ActiveKeyMissing: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		do := "playtoken rotate --project " + f.ProjectID + ", or let serve do it"
		if earliest := f.Data.EarliestAt; !earliest.IsZero() {
			do += "; earliest " + earliest.UTC().Format(time.RFC3339)
		}
		return do
	}),
	doctor.RotationUnknown:    advise("make the store reachable"),
	doctor.RotationOverdue:    adviseBy(haveRotated),
	doctor.RotationUnattended: adviseBy(haveRotated),
	doctor.MoveBlockedByBudget: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "let it hold more: " + raiseBudget(f, "NUMBER")
	}),
	doctor.AccountFull:        forProject("playtoken keys remove-unmanaged KEY_ID --reason TEXT, of a key that is named and no longer needed, with --project "),
	doctor.KeyCarryDue:        adviseBy(carryKey),
	doctor.KeyToCarry:         adviseBy(carryKey),
	doctor.RevokedKeyToRemove: adviseBy(removeKey),
	doctor.KeyToRemove:        adviseBy(removeKey),
	doctor.RegisteringStopped: advise("for each key that is said below to be unrecognised or unconfirmed, do what is said there; rotation goes on by itself then"),
	doctor.MoveBlocked:        forProject("see the findings about clock and drift, and playtoken rotate --dry-run --project "),
	doctor.LastRunFailed: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "playtoken rotate --project " + f.ProjectID + ", which tries again and says more"
	}),

	doctor.DriftUnknown:      forProject("make platform and store answer, then playtoken doctor --project "),
	doctor.KeyOrphaned:       adviseBy(aboutKey),
	doctor.KeyMissing:        adviseBy(aboutKey),
	doctor.KeyMismatched:     adviseBy(aboutKey),
	doctor.KeyUnconfirmed:    adviseBy(aboutKey),
	doctor.KeyUnrecognised:   adviseBy(aboutKey),
	doctor.KeyOfOtherProject: adviseBy(aboutKey),
	doctor.KeyOwnerUnknown:   adviseBy(aboutKey),
	doctor.KeyForgotten:      adviseBy(aboutKey),
	doctor.KeyUnmanaged:      adviseBy(aboutKey),
	doctor.AllKeysMissing: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return "put them back there (a gate: its data file), or make new ones: playtoken rotate --replace-lost --project " + f.ProjectID + " --reason TEXT"
	}),
	doctor.AccountWithoutOurKeys: adviseBy(func(f doctor.Finding, _ settings.Settings) string {
		return replaceCredential(f) + ", to the one of the account that has them; if the credential is right, and the platform lost them: " +
			"playtoken rotate --replace-lost --project " + f.ProjectID + " --reason TEXT"
	}),

	doctor.RestoredActivePresent: advise("none needed: the active key is there; when the tokens of the others have expired, remove those as said below"),
	doctor.RestoredKeysRevoked:   forProject("when the tokens of the others have expired, remove those as said below; new keys are made by playtoken rotate --project "),
	doctor.RestoredActiveGone: afterRestore("the active key is gone there, and the standby is not; before serve is started: " +
		"playtoken rotate --now$PROJECT$REASON"),
	doctor.RestoredBothGone: afterRestore("active key and standby are gone there; before serve is started: " +
		"playtoken keys revoke $STANDBY$PROJECT$REASON, then the same with $ACTIVE, then playtoken rotate$PROJECT"),
	doctor.RestoredAllGone: afterRestore("none of the ring's keys is left there; before serve is started: " +
		"playtoken keys revoke $STANDBY$PROJECT$REASON, then the same with $ACTIVE (only after that can the first be finished), then playtoken rotate$PROJECT"),
	doctor.RestoredOnlyActiveGone: afterRestore("the ring's key is gone there; before serve is started: " +
		"playtoken keys revoke $ACTIVE$PROJECT$REASON, then playtoken rotate$PROJECT"),
}

func carryKey(f doctor.Finding, _ settings.Settings) string {
	return fmt.Sprintf("playtoken keys export %[1]d --project %[2]s, put what it prints into every verifier, then: playtoken keys confirm %[1]d --project %[2]s --reason TEXT",
		f.Data.Generation, f.ProjectID)
}

func removeKey(f doctor.Finding, _ settings.Settings) string {
	return fmt.Sprintf("take key %s out of every verifier, then: playtoken keys confirm %d --removed --project %s --reason TEXT",
		f.Data.Key.KeyID, f.Data.Generation, f.ProjectID)
}

func aboutKey(f doctor.Finding, _ settings.Settings) string {
	return handlers.DriftRemedy(f.ProjectID, f.Data.Key)
}

// setUpVault is how a process gets the rights of a role, and no others.
func setUpVault(f doctor.Finding, c settings.Settings) string {
	memory, role := "", f.Data.Role
	if c.Rotation.KeySpec.Exportable {
		memory = " --memory-signing"
	}
	if role == "" {
		role = "either role"
	}
	return "as an operator of Vault: playtoken vault setup" + memory + MountSettings(c.Vault) +
		", then log in with the policy of " + role + " alone, as it prints"
}

func newToken(f doctor.Finding, _ settings.Settings) string {
	return "export VAULT_TOKEN=\"$(vault token create -orphan -no-default-policy -policy=" + f.Data.Role +
		" -period=24h -field=token)\", or let it log in by a role: playtoken vault setup --approle"
}

func haveRotated(f doctor.Finding, c settings.Settings) string {
	if !c.Scheduler {
		return "PLAYTOKEN_SCHEDULER is off: have cron run playtoken rotate --if-due every hour, or set it to on"
	}
	return "start playtoken serve, whose scheduler is on, or run playtoken rotate --project " + f.ProjectID
}

// change is how a setting of the project is changed: by the environment, if
// that describes the project, or else by a command that sends the body.
func change(f doctor.Finding, environment, body string) string {
	if f.Data.FromSettings {
		return environment
	}
	return "echo '" + body + "' | playtoken project update " + f.ProjectID + " --from -"
}

func raiseBudget(f doctor.Finding, to string) string {
	return change(f, "PLAYTOKEN_KEY_BUDGET="+to, `{"rotation_policy":{"key_budget":`+to+`}}`)
}

func mendPolicy(f doctor.Finding, _ settings.Settings) string {
	return change(f, "set the durations and intervals so that they go together", `{"rotation_policy":{"rotate_every":SECONDS}}`)
}

func replaceCredential(f doctor.Finding) string {
	if f.Data.FromSettings {
		return "set PLAYTOKEN_PLATFORM_API_KEY"
	}
	name := f.Data.Credential
	if name == "" {
		name = "NAME"
	}
	return "playtoken project update " + f.ProjectID + " --credential " + name + "=FILE"
}

func changeAddress(f doctor.Finding) string {
	if f.Data.FromSettings {
		return "set PLAYTOKEN_PLATFORM_URL"
	}
	return "playtoken project update " + f.ProjectID + " --setting url=URL"
}

// recordedDurations are the settings that say what is in force.
func recordedDurations(f doctor.Finding, _ settings.Settings) string {
	on := f.Data.OnRecord
	var settings []string
	for _, d := range []struct {
		name     string
		recorded time.Duration
	}{
		{"PLAYTOKEN_PROPAGATION_DELAY", on.Propagation},
		{"PLAYTOKEN_VIEW_AGE", on.ViewAge},
		{"PLAYTOKEN_MAX_STALENESS", on.Staleness},
		{"PLAYTOKEN_CLOCK_SKEW", on.Skew},
		{"PLAYTOKEN_SETTLE", on.Settle},
	} {
		if d.recorded > 0 {
			settings = append(settings, d.name+"="+d.recorded.String())
		}
	}
	return "to have the settings say what is in force: " + strings.Join(settings, " ")
}

func appendToAudit(f doctor.Finding, _ settings.Settings) string {
	return "let the user who runs this append to it: mkdir -p " + filepath.Dir(f.Data.Path) + " && touch " + f.Data.Path +
		"; until then nothing that has to be recorded is done"
}

// MountSettings returns the assignments that tell a process which mounts to
// use, each after a space; those that have their default are left out.
func MountSettings(v settings.Vault) (assignments string) {
	if v.Transit != settings.DefaultTransit {
		assignments += " PLAYTOKEN_VAULT_TRANSIT=" + v.Transit
	}
	if v.KV != settings.DefaultKV {
		assignments += " PLAYTOKEN_VAULT_KV=" + v.KV
	}
	return assignments
}

package doctor

import (
	"slices"

	"playtoken/keyrotation"
)

// Severity is how much a finding matters.
type Severity string

const (
	OK      Severity = "ok"      // as it should be
	Note    Severity = "note"    // as it may be; an operator should know it
	Problem Severity = "problem" // wrong, or hidden by an error
)

// Code names what was found. Codes are stable: runbooks and alerts refer to
// them. Those that rotations find, too, are keyrotation's.
type Code string

const (
	SettingsComplete Code = "settings_complete"
	SettingsInvalid  Code = "settings_invalid"
	SettingDoubtful  Code = "setting_doubtful"

	StoreAnswers     Code = "store_answers"
	StoreUnopenable  Code = "store_unopenable"
	StoreTooOpen     Code = "store_too_open"
	StoreUnreachable      = Code(keyrotation.StoreUnreachable)

	VaultLockedOut   Code = "vault_locked_out"
	VaultRolesLocked Code = "vault_roles_locked"

	LoginRepeats       Code = "login_repeats"
	LoginRenews        Code = "login_renews"
	LoginNeverEnds     Code = "login_never_ends"
	LoginEndsLater     Code = "login_ends_later"
	LoginEndsSoon      Code = "login_ends_soon"
	LoginNotRenewable  Code = "login_not_renewable"
	RightsOfSigner     Code = "rights_of_signer"
	RightsOfRotator    Code = "rights_of_rotator"
	RightsMissing      Code = "rights_missing"
	RightsExcessive    Code = "rights_excessive"
	RightsOtherPolicy  Code = "rights_other_policy"
	RightsUnknown      Code = "rights_unknown"
	StoreFilePrivate   Code = "store_file_private"
	StoreFileExposed   Code = "store_file_exposed"
	StoreFileUnchecked Code = "store_file_unchecked"
	StorePasswordShort Code = "store_password_short"

	CertificateGood      Code = "tls_certificate_good"
	CertificateEndsSoon  Code = "tls_certificate_ends_soon"
	CertificateOtherHost Code = "tls_certificate_other_host"
	CertificateUnusable  Code = "tls_certificate_unusable"

	ClockAgrees  Code = "clock_agrees"
	ClockApart        = Code(keyrotation.ClockApart)
	ClockUnknown Code = "clock_unknown"

	SecretsPresent    Code = "secrets_present"
	SecretsNotYetMade Code = "secrets_not_yet_made"
	SecretsMissing    Code = "secrets_missing"
	SecretsUnreadable Code = "secrets_unreadable"

	AuditToStderr   Code = "audit_to_stderr"
	AuditEmpty      Code = "audit_empty"
	AuditIntact     Code = "audit_intact"
	AuditAltered    Code = "audit_altered"
	AuditUnopenable Code = "audit_unopenable"
	AuditUnwritable Code = "audit_unwritable"
	AuditUnreadable Code = "audit_unreadable"

	LimitsLocal    Code = "limits_local"
	LimitsShared   Code = "limits_shared"
	LimitsUnshared Code = "limits_unshared"

	AccessKeyActive    Code = "access_key_active"
	AccessKeyNotNeeded Code = "access_key_not_needed"

	ProjectsNone      Code = "projects_none"
	ProjectUnknown    Code = "project_unknown"
	ProjectUnopenable Code = "project_unopenable"

	PlatformAnswers           Code = "platform_answers"
	PlatformUnchecked         Code = "platform_unchecked"
	PlatformRefusesCredential      = Code(keyrotation.PlatformRefusesCredential)
	PlatformThrottles              = Code(keyrotation.PlatformThrottles)
	PlatformUnreachable            = Code(keyrotation.PlatformUnreachable)
	PlatformKindWrong         Code = "platform_kind_wrong"
	CallsLeft                 Code = "calls_left"
	CallsNearlyUsedUp         Code = "calls_nearly_used_up"
	CredentialExpires         Code = "credential_expires"

	IssuerAnswers      Code = "issuer_answers"
	IssuerUnreachable  Code = "issuer_unreachable"
	WebhookSecretShort Code = "webhook_secret_short"

	RingUnreadable      Code = "ring_unreadable"
	KeyBudgetEnough     Code = "key_budget_enough"
	KeyBudgetTooSmall   Code = "key_budget_too_small"
	PolicyContradictory Code = "policy_contradictory"
	DurationsOnRecord   Code = "durations_on_record"
	LifetimeOverRecord  Code = "lifetime_over_record"
	ActiveKey           Code = "active_key"
	ActiveKeyMissing         = Code(keyrotation.ActiveKeyMissing)
	KeysEnded           Code = "keys_ended"
	RotationUnknown     Code = "rotation_unknown"
	RotationOverdue          = Code(keyrotation.RotationOverdue)
	RotationUnattended  Code = "rotation_unattended"
	MoveBlocked              = Code(keyrotation.MoveBlocked)
	MoveBlockedByBudget      = Code(keyrotation.MoveBlockedByBudget)
	AccountFull              = Code(keyrotation.AccountFull)
	KeyCarryDue              = Code(keyrotation.KeyCarryDue)
	KeyToCarry               = Code(keyrotation.KeyToCarry)
	RevokedKeyToRemove       = Code(keyrotation.RevokedKeyToRemove)
	KeyToRemove              = Code(keyrotation.KeyToRemove)
	RegisteringStopped       = Code(keyrotation.RegisteringStopped)
	LastRunNone         Code = "last_run_none"
	LastRunDone         Code = "last_run_done"
	LastRunFailed            = Code(keyrotation.LastRunFailed)

	DriftNone         Code = "drift_none"
	DriftNotPermitted Code = "drift_not_permitted"
	DriftUnknown      Code = "drift_unknown"
	KeyOrphaned            = Code(keyrotation.KeyIsOrphaned)
	KeyMissing             = Code(keyrotation.KeyIsMissing)
	KeyMismatched          = Code(keyrotation.KeyIsMismatched)
	KeyUnconfirmed         = Code(keyrotation.KeyIsUnconfirmed)
	KeyUnrecognised        = Code(keyrotation.KeyIsUnrecognised)
	KeyUnmanaged           = Code(keyrotation.KeyIsUnmanaged)
	KeyForgotten      Code = "key_forgotten"
	KeyOfOtherProject Code = "key_of_other_project"
	KeyOwnerUnknown   Code = "key_owner_unknown"

	AllKeysMissing         = Code(keyrotation.AllKeysMissing)
	AccountWithoutOurKeys  = Code(keyrotation.AccountWithoutOurKeys)
	RestoredActivePresent  = Code(keyrotation.RestoredActivePresent)
	RestoredActiveGone     = Code(keyrotation.RestoredActiveGone)
	RestoredBothGone       = Code(keyrotation.RestoredBothGone)
	RestoredAllGone        = Code(keyrotation.RestoredAllGone)
	RestoredOnlyActiveGone = Code(keyrotation.RestoredOnlyActiveGone)
	RestoredKeysRevoked    = Code(keyrotation.RestoredKeysRevoked)
)

// Description is what is the same for every finding with a code.
type Description struct {
	Code     Code
	Check    string // what was examined
	Severity Severity
	Meaning  string // one line
}

// Codes lists every code, in the order of an examination.
func Codes() []Description { return slices.Clone(descriptions) }

// describe returns the row of a code.
func describe(code Code) Description {
	i := slices.IndexFunc(descriptions, func(d Description) bool { return d.Code == code })
	return descriptions[i]
}

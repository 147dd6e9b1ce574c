package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"playtoken/durations"
	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/service"
)

// projectExamination is the checks of one project.
type projectExamination struct {
	tenant  *service.Tenant
	viewers interface {
		Reach(ctx context.Context, issuer string) error
	}
	kind  platforms.Kind
	whose func() (service.Owners, error)
	// fromSettings: the deployment's settings describe the project.
	fromSettings bool
}

// found is a finding about the project.
func (e projectExamination) found(code Code, detail string, data Data) Finding {
	data.FromSettings = e.fromSettings
	if len(e.kind.Credentials) > 0 {
		data.Credential = e.kind.Credentials[0].Name
	}
	f := newFinding(code, detail, data)
	f.ProjectID = e.tenant.Project.ID
	return f
}

// failed is a finding about the project that hides what is the case.
func (e projectExamination) failed(code Code, err error) Finding {
	f := e.found(code, err.Error(), Data{})
	f.Err = err
	return f
}

// each examines the project with this id, or all projects.
func (d examination) each(ctx context.Context, project string) []Finding {
	ids := []string{project}
	if project == "" {
		var err error
		if ids, err = d.service.ProjectIDs(ctx); err != nil {
			return nil // the finding about the store says it
		}
	}
	if len(ids) == 0 {
		return one(newFinding(ProjectsNone, "the deployment has no project", Data{}))
	}
	return d.atOnce(ids, func(id string) []Finding { return d.project(ctx, id) })
}

// project makes every check of one project.
func (d examination) project(ctx context.Context, id string) []Finding {
	opened, err := d.service.Tenant(ctx, id)
	if err != nil {
		code := ProjectUnopenable
		if errors.Is(err, projects.ErrNotFound) {
			code = ProjectUnknown
		}
		f := failure(code, err, Data{})
		f.ProjectID = id
		return one(f)
	}
	e := projectExamination{
		tenant: opened, viewers: d.service.Viewers, kind: d.service.Kinds[opened.Project.Platform], whose: d.whose,
		fromSettings: id == projects.Default && d.service.Projects.DefaultProject != nil,
	}
	findings := slices.Concat(e.account(ctx), e.issuers(ctx))
	if opened.Rotator != nil {
		findings = append(findings, e.keys(ctx)...)
	}
	return findings
}

// account asks the platform whether the credential is alive.
func (e projectExamination) account(ctx context.Context) []Finding {
	if e.tenant.Platform.Check == nil {
		return one(e.found(PlatformUnchecked, "cannot be asked about its credential", Data{}))
	}
	health, err := e.tenant.Platform.Check(ctx)
	if err != nil {
		code := PlatformUnreachable
		switch {
		case errors.Is(err, keyrotation.ErrUnauthorized):
			code = PlatformRefusesCredential
		case errors.Is(err, keyrotation.ErrThrottled):
			code = PlatformThrottles
		}
		// A gate that a project takes for Vidbeo refuses Vidbeo's credential.
		return slices.Concat(one(e.failed(code, &keyrotation.PlatformError{Cause: err})), e.platformKind(ctx))
	}
	answers := e.found(PlatformAnswers, cmp.Or(health.Detail, "answers")+e.shown(ctx), Data{})
	return slices.Concat(one(answers), e.credentialLasts(health), e.platformKind(ctx))
}

// platformKind asks whether the platform is of the kind that the project says.
func (e projectExamination) platformKind(ctx context.Context) []Finding {
	if e.tenant.Platform.Mistaken == nil {
		return nil
	}
	wrong, err := e.tenant.Platform.Mistaken(ctx)
	if err != nil || wrong.Kind == "" {
		return nil // the finding about the credential says that it does not answer
	}
	return one(e.found(PlatformKindWrong, wrong.Why, Data{Platform: wrong.Kind}))
}

// shown is how many keys the platform shows, ours or not.
func (e projectExamination) shown(ctx context.Context) string {
	var keys interface {
		List(context.Context) ([]keyrotation.PlatformKey, error)
	}
	switch {
	case e.tenant.Rotator == nil:
	case e.tenant.Platform.Registrar != nil:
		keys = e.tenant.Platform.Registrar
	case e.tenant.Platform.Issuer != nil:
		keys = e.tenant.Platform.Issuer
	}
	if keys == nil {
		return ""
	}
	list, err := keys.List(ctx)
	if err != nil {
		return "; its keys cannot be listed: " + err.Error()
	}
	return fmt.Sprintf("; it shows %d keys", len(list))
}

// fewLeft is the share of a rate budget below which that is a problem, and
// soonExpired the same of what is left of a credential's life.
const (
	fewLeft     = 10 // percent
	soonExpired = 7 * 24 * time.Hour
)

func (e projectExamination) credentialLasts(h platforms.Health) (findings []Finding) {
	if h.Limit > 0 {
		code := CallsLeft
		if h.Remaining*100 < h.Limit*fewLeft {
			code = CallsNearlyUsedUp
		}
		findings = append(findings, e.found(code, fmt.Sprintf("%d of %d calls in %s are left", h.Remaining, h.Limit, durations.Text(h.Window)), Data{}))
	}
	if !h.ExpiresAt.IsZero() && time.Until(h.ExpiresAt) < soonExpired {
		findings = append(findings, e.found(CredentialExpires, "expires at "+moment(h.ExpiresAt), Data{Until: h.ExpiresAt}))
	}
	return findings
}

// keys examines all about the project's signing keys.
func (e projectExamination) keys(ctx context.Context) []Finding {
	ring, err := e.tenant.Rotator.Ring(ctx)
	if err != nil {
		return one(e.failed(RingUnreadable, err))
	}
	policy, longer := e.inForce(ring)
	findings := slices.Concat(e.budget(policy), e.durations(longer), e.lifetimes(ring, policy), one(e.active(ring)))
	status, err := e.tenant.Rotator.Status(ctx)
	if err != nil {
		return append(findings, e.failed(RotationUnknown, err))
	}
	for _, m := range status.Plan {
		if m.Blocked && Code(m.Trouble) != AllKeysMissing && Code(m.Trouble) != AccountWithoutOurKeys { // see drift
			findings = append(findings, e.blocked(m))
		}
	}
	return slices.Concat(findings, e.unattended(ring, status), one(e.lastRun(status.LastRun)), e.drift(ctx, ring))
}

func (e projectExamination) active(ring keyrotation.Ring) Finding {
	active, ok := ring.Active()
	switch {
	case ok:
		return e.found(ActiveKey, fmt.Sprintf("generation %d since %s", active.Generation, moment(active.ActivatedAt)),
			Data{Generation: active.Generation, Since: active.ActivatedAt})
	case !ring.EndedAt.IsZero():
		return e.found(KeysEnded, "no key signs: the keys were ended at "+moment(ring.EndedAt)+", for the project to be deleted", Data{Since: ring.EndedAt})
	}
	return e.found(ActiveKeyMissing, "no key signs", Data{EarliestAt: ring.EarliestActive()})
}

// blocked is a move that has to wait. What is wrong with a key, and what to do about
// it, the findings about drift say.
func (e projectExamination) blocked(m keyrotation.Move) Finding {
	code := Code(m.Trouble)
	carried := []Code{KeyCarryDue, KeyToCarry, RevokedKeyToRemove, KeyToRemove}
	if slices.Contains(carried, code) {
		return e.found(code, fmt.Sprintf("generation %d: %s", m.Generation, m.Why), Data{Generation: m.Generation, Key: keyrotation.Finding{KeyID: m.KeyID}})
	}
	if !slices.Contains([]Code{ClockApart, RegisteringStopped, MoveBlockedByBudget, AccountFull}, code) {
		code = MoveBlocked
	}
	return e.found(code, fmt.Sprintf("%s is blocked: %s", m.Action, m.Why), Data{Generation: m.Generation})
}

func (e projectExamination) lastRun(run keyrotation.Run) Finding {
	switch {
	case run.Outcome == "failed":
		return e.found(LastRunFailed, moment(run.At)+": "+run.Error, Data{Since: run.At})
	case run.At.IsZero():
		return e.found(LastRunNone, "none yet", Data{})
	}
	return e.found(LastRunDone, run.Outcome+" at "+moment(run.At), Data{Since: run.At})
}

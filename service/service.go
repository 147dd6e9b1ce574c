// Package service puts a deployment together: its stores, projects, rotation
// schedule and HTTP handler, and ends them in order.
//
// The decision a newcomer would get wrong: serve and every other verb open the
// same Service from the same settings. serve listens and runs the schedule; the
// other verbs make one request to the same handlers and close it again. So cron
// and an operator need no running service, and what serve can do that a verb
// cannot is nothing.
package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"

	"playtoken/audit"
	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/limits"
	"playtoken/metrics"
	"playtoken/platforms"
	"playtoken/platforms/all"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/projects/operators"
	"playtoken/projects/viewers"
	"playtoken/settings"
	"playtoken/signer"
	"playtoken/tracing"
	"playtoken/web/console"
)

// Service is an open deployment. It is safe for concurrent use; its exported
// fields are not changed after Open.
type Service struct {
	Settings settings.Settings
	Metrics  *metrics.Service
	Storage  *Storage
	Kinds    projects.Kinds
	Projects *projects.Store
	Viewers  *viewers.Viewers
	// AccessKeys rotates the keys that sign access tokens.
	AccessKeys *keyrotation.Rotator

	log       *slog.Logger
	build     metrics.Build
	tracer    *tracing.Tracer // nil: nothing is traced
	signing   *signing
	policies  policies
	view      *projects.View
	audit     *audit.Log
	signIn    *operators.SignIn // nil: operators do not sign in
	browsers  *operators.Browsers
	doctor    Doctor           // nil: nothing examines
	console   *console.Console // nil: not served, or no handler yet
	keys      atomic.Pointer[projects.EnvironmentKeys]
	redis     *limits.Redis // nil: this replica counts alone
	owners    *keyOwners
	rotators  *rotators
	tenants   *tenants
	access    *access.Access
	link      *console.Link // nil: no link signs in
	wakeups   *wakeups
	added     chan struct{} // of size one: a project was created
	stopping  atomic.Bool
	readiness *readiness

	closers []func() // in the order of opening
}

// Options are what the settings do not say.
type Options struct {
	// CreateStore makes the file store if it does not exist. A verb that only reads
	// must not do that: the path may be mistyped.
	CreateStore bool
	// HoldKeys keeps exportable private keys in memory, as PLAYTOKEN_SIGNING
	// asks of a process that serves. Other processes leave them in the store.
	HoldKeys bool
	// Stderr gets the audit record where the settings name no file.
	Stderr io.Writer
	// Terminal says that Stderr is that of a person, who reads the record and does not
	// keep it.
	Terminal bool
	Log      *slog.Logger
	Build    metrics.Build // what the metrics say about the program
	// Getenv looks up the variables of OpenTelemetry's SDK, which name a collector of
	// traces. Nil: nothing is traced.
	Getenv func(string) string
	// Files are those of the secrets in the settings, which Run reads again as they
	// change. Nil: no secret is in a file.
	Files *settings.Files
	// Hangups has an element for each SIGHUP, at which Run reads files again. Nil:
	// it reads them only as they change.
	Hangups <-chan os.Signal

	// Doctor makes what examines the service; nil: its API and console do not examine.
	Doctor func(*Service) Doctor
	// ConsoleLink signs one person in to the console; nil: no link does.
	ConsoleLink *console.Link
	// Wrap puts something in front of the store; nil: nothing.
	Wrap func(Store) Store
}

// Doctor examines a service; see [handlers.Doctor]. Close stops it, and waits.
type Doctor interface {
	handlers.Doctor
	Close()
}

// Open puts a deployment together. It sends nothing to Vault or a platform yet,
// so a service can start while either is down. Errors: settings.Error where the
// settings are wrong; store.ErrUnavailable.
func Open(ctx context.Context, set settings.Settings, options Options) (*Service, error) {
	measured, err := metrics.NewService(options.Build)
	if err != nil {
		return nil, err
	}
	s := &Service{
		Settings: set, Metrics: measured, Kinds: all.Kinds(),
		log: options.Log, build: options.Build, link: options.ConsoleLink, wakeups: &wakeups{}, added: make(chan struct{}, 1), readiness: newReadiness(),
	}
	s.policies = policies{set: &s.Settings}
	s.keys.Store(&projects.EnvironmentKeys{AdminKey: set.AdminKey, APIKey: set.APIKey})
	for _, open := range []func(context.Context, Options) error{
		s.openTracing, s.openStorage, s.openSigning, s.openProjects, s.openAudit, s.openTenants, s.openAccess, s.openSignIn, s.openBrowsers,
	} {
		if err := open(ctx, options); err != nil {
			s.Close()
			return nil, err
		}
	}
	if options.Doctor != nil {
		s.doctor = options.Doctor(s)
		s.onClose(s.doctor.Close)
	}
	return s, nil
}

// Close gives everything back, last opened first. It must not be called while
// a request or the schedule is running.
func (s *Service) Close() {
	for _, closer := range slices.Backward(s.closers) {
		closer()
	}
}

func (s *Service) onClose(closer func()) { s.closers = append(s.closers, closer) }

// openTracing makes what sends traces, where the environment names a collector.
func (s *Service) openTracing(ctx context.Context, options Options) (err error) {
	if options.Getenv == nil {
		return nil
	}
	if s.tracer, err = tracing.Open(ctx, options.Getenv, tracing.Program{Service: "playtoken", Version: options.Build.Version}, s.log); err != nil {
		return settings.Error{err}
	}
	s.onClose(s.tracer.Close)
	return nil
}

func (s *Service) openStorage(ctx context.Context, options Options) (err error) {
	if s.Storage, err = openStorage(ctx, s.Settings, options, s.Metrics); err != nil {
		return err
	}
	s.onClose(s.Storage.close)
	s.Metrics.StoreTime(s.Storage.Now)
	s.Storage.Store = s.tracer.Store(s.Storage.Store)
	if options.Wrap != nil {
		s.Storage.Store = options.Wrap(s.Storage.Store)
	}
	return nil
}

func (s *Service) openSigning(_ context.Context, options Options) (err error) {
	if s.Settings.StoreFile != "" {
		// The file's private keys are decrypted in this process.
		if err := forbidDumps(); err != nil {
			return fmt.Errorf("before a file store is used: %w", err)
		}
	}
	hold := options.HoldKeys && s.Settings.Rotation.KeySpec.Exportable
	if s.signing, err = openSigning(s.Storage.Store, hold, s.Metrics, s.tracer, s.log); err == nil {
		s.onClose(s.signing.close)
	}
	return err
}

// openProjects makes what knows the projects and their viewers.
func (s *Service) openProjects(context.Context, Options) error {
	asked, err := viewers.New(viewers.Config{Allowed: s.Settings.PrivateTargets, Log: s.log, Watch: s.Metrics.Viewer})
	if err != nil {
		return err
	}
	s.Viewers = asked
	s.onClose(asked.Close)
	documents := s.Storage.Store
	s.Projects = projects.NewStore(documents, s.Kinds)
	s.Projects.InForce, s.Projects.CheckViewers = s.inForceToStore, asked.Check
	s.Projects.CheckAccount, s.Projects.Added = s.checkAccount, s.projectAdded
	s.Projects.Forget = func(ctx context.Context, apiKeyID string) error { return access.Forget(ctx, documents, apiKeyID) }
	if account := s.Settings.Account; account.Exists() {
		s.Projects.DefaultProject = &projects.Project{
			ID: projects.Default, Name: projects.Default, Platform: account.Platform,
			Settings: account.Settings, Credential: account.Credential,
			RotationPolicy: projects.RotationPolicy{KeyKind: account.KeyKind},
		}
	}
	durations := s.Settings.Rotation.Durations
	s.view = projects.NewView(s.Projects, durations.ViewAge, durations.Staleness)
	s.Projects.Changed, s.Projects.AdminKeySet = s.view.Forget, !s.Settings.AdminKey.IsZero()
	s.onClose(s.view.Close)
	return nil
}

// inForceToStore returns the policies in force for a project that is about to
// be stored. They depend on how its account comes to know the keys.
func (s *Service) inForceToStore(project projects.Project) (signer.Policy, keyrotation.Policy) {
	tokens, keys := s.policies.inForce(project)
	account := platforms.Account{Project: project.ID, Settings: project.Settings, Credential: project.Credential}
	kind := s.Kinds[project.Platform]
	if opened, err := kind.Open(account); err == nil {
		keys = s.policies.forPlatform(keys, kind, opened)
	}
	return tokens, keys
}

// projectAdded has the schedule look for new projects.
func (s *Service) projectAdded() {
	select {
	case s.added <- struct{}{}:
	default: // the schedule has not looked since the last one
	}
}

// auditKey is what the key of the audit record is derived for.
const auditKey = "audit"

// AuditKey returns the key of the audit record, which is the deployment's.
func (s *Service) AuditKey(ctx context.Context) ([]byte, error) {
	return s.Projects.Secret(ctx, auditKey)
}

// AuditAnchors keep in the store how far the record in the file has got.
func (s *Service) AuditAnchors() audit.Anchors {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	var failing atomic.Bool
	return audit.Anchors{Documents: s.Storage.Store, Host: host, Watch: func(err error) {
		switch was := failing.Swap(err != nil); {
		case err != nil && !was:
			s.log.Warn("the end of the audit record could not be kept in the store; it is tried again", "error", err)
		case err == nil && was:
			s.log.Info("the end of the audit record is kept in the store again")
		}
	}}
}

// openAudit opens the audit record. Its key is read when there is something to
// record.
func (s *Service) openAudit(_ context.Context, options Options) error {
	var err error
	if s.audit, err = s.openRecord(options); err != nil {
		return settings.Error{WithFolder("PLAYTOKEN_AUDIT", s.Settings.AuditFile, fmt.Errorf("PLAYTOKEN_AUDIT: %w", err))}
	}
	s.onClose(func() {
		if err := s.audit.Close(); err != nil {
			s.log.Error("closing the audit record", "error", err)
		}
	})
	return nil
}

func (s *Service) openRecord(options Options) (*audit.Log, error) {
	if s.Settings.AuditFile != "" {
		s.Metrics.RecordTo("file")
		return audit.Open(s.Settings.AuditFile, s.AuditKey, s.AuditAnchors())
	}
	s.Metrics.RecordTo("stderr")
	if options.Terminal {
		return audit.ToTerminal(options.Stderr, s.AuditKey), nil
	}
	return audit.To(options.Stderr, s.AuditKey), nil
}

// openTenants makes what opens projects and rotates their keys.
func (s *Service) openTenants(context.Context, Options) error {
	s.owners = &keyOwners{documents: s.Storage.Store, ids: s.ProjectIDs, reads: newSharedRead()}
	s.rotators = &rotators{
		storage: s.Storage, log: s.log, record: s.recordMove, owners: s.owners, wakeups: s.wakeups, metrics: s.Metrics,
		told: &troubleLog{log: s.log, known: map[string][]toldTrouble{}},
	}
	s.tenants = &tenants{
		kinds: s.Kinds, view: s.view, ids: s.ProjectIDs, policies: s.policies, signing: s.signing,
		rotators: s.rotators, metrics: s.Metrics, tracer: s.tracer, wakeups: s.wakeups, open: map[string]*Tenant{},
	}
	s.onClose(s.tenants.close)
	if s.Projects.DefaultProject == nil {
		return nil
	}
	// The project default is opened before the store is asked about it, so that
	// its metrics are there while the store is down.
	return s.tenants.openDefault(*s.Projects.DefaultProject)
}

// openAccess makes what exchanges API keys for access tokens. The platform of
// its keys is the key set that we publish.
func (s *Service) openAccess(context.Context, Options) error {
	documents, durations := s.Storage.Store, s.Settings.Rotation.Durations
	ring := s.signing.ringView(access.RingID)
	s.onClose(ring.Close)
	exchange, err := access.New(access.Config{
		Documents: documents, Keys: access.WithEnvironment(s.view, s.environmentKeys, s.Projects), Secrets: s.Projects,
		Signer:  &signer.JWTs{Ring: ring, Signatures: s.signing.signatures},
		ViewAge: durations.ViewAge, Staleness: durations.Staleness,
	})
	if err != nil {
		return err
	}
	s.access = exchange
	s.onClose(exchange.Close)
	s.AccessKeys = s.rotators.rotator(access.RingID, s.policies.accessKeys())
	s.AccessKeys.Platform = access.NewPublished(documents)
	s.tenants.accessKeys = s.AccessKeys
	s.Metrics.Watch(access.RingID, s.AccessKeys)
	return nil
}

// openSignIn makes what signs operators in, if they do.
func (s *Service) openSignIn(context.Context, Options) error {
	o := s.Settings.Operators
	if o.Issuer == "" {
		return nil
	}
	signIn, err := operators.New(operators.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Roles: o.Roles,
		URL: s.Settings.PublicURL, Console: s.consoleCallback(), Secrets: s.Projects, Log: s.log, Documents: s.Storage.Store,
		ViewAge: s.Settings.Rotation.Durations.ViewAge, Staleness: s.Settings.Rotation.Durations.Staleness,
	})
	if err != nil {
		return settings.Error{fmt.Errorf("PLAYTOKEN_OPERATOR_ROLES: %w", err)}
	}
	s.signIn = signIn
	s.onClose(signIn.Close)
	return nil
}

// ProjectIDs lists all projects: the environment's among them, even if it could
// not be stored yet.
func (s *Service) ProjectIDs(ctx context.Context) ([]string, error) {
	ids, err := s.Projects.ProjectIDs(ctx)
	if err == nil && s.Projects.DefaultProject != nil && !slices.Contains(ids, projects.Default) {
		ids = append([]string{projects.Default}, ids...)
	}
	return ids, err
}

// Tenant returns an open project. Errors: projects.ErrNotFound, store.ErrUnavailable,
// *projects.Unusable.
func (s *Service) Tenant(ctx context.Context, projectID string) (*Tenant, error) {
	return s.tenants.of(ctx, projectID)
}

// KeyOwners reads the rings of all projects.
func (s *Service) KeyOwners(ctx context.Context) (Owners, error) { return s.owners.read(ctx) }

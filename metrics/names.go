package metrics

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// name is a metric: its name, its help text and the names of its labels.
type name struct {
	text, help string
	labels     []string
}

// All metrics, besides those of the Go runtime (go_) and of the process
// (process_). Dashboards and alerts depend on the names: a new metric is added
// here, and an old one is never changed.
//
// The values of the labels are: project, the id of a project, "others" for those
// that have no series of their own (see projects), or "none"; code, the code of a problem in the API; route, a
// template such as /v1/projects/{project_id}, or "none"; state, the state of a
// signing key; operation, a method of a store or platform; result, "ok",
// "failed" or a name from the table results.
var (
	buildInfo = name{text: "playtoken_build_info", labels: []string{"version", "revision"},
		help: "Always 1; the labels identify the source of the running program."}

	tokensMinted = name{text: "playtoken_tokens_minted_total", labels: []string{"project"},
		help: "Playback tokens minted."}
	tokensRefused = name{text: "playtoken_tokens_refused_total", labels: []string{"project", "code"},
		help: "Requests for a playback token that were refused, by the code of the problem. Where the caller is unknown, so is the project: none."}
	signaturesShared = name{text: "playtoken_signatures_shared_total",
		help: "Playback tokens that reuse the signature of an equal token."}
	signatureFaults = name{text: "playtoken_signature_faults_total",
		help: "Signatures that were computed wrongly in memory, and not released."}
	signing = name{text: "playtoken_signing_duration_seconds", labels: []string{"result"},
		help: "Time to make one signature, including the wait for a batch."}
	storeDuration = name{text: "playtoken_store_duration_seconds", labels: []string{"operation", "result"},
		help: "Time that an operation of the store took, signatures excluded."}

	httpRequests = name{text: "playtoken_http_requests_total", labels: []string{"route", "method", "status"},
		help: "HTTP requests served."}
	httpDuration = name{text: "playtoken_http_request_duration_seconds", labels: []string{"route"},
		help: "Time to serve an HTTP request."}

	signingKeys = name{text: "playtoken_signing_keys", labels: []string{"project", "state"},
		help: "Signing keys by state, including the tombstones of deleted keys."}
	activeKeyAge = name{text: "playtoken_active_key_age_seconds", labels: []string{"project"},
		help: "Time since the active key became active; missing while no key is active."}
	nextAction = name{text: "playtoken_rotation_next_action_seconds", labels: []string{"project"},
		help: "Time until the next action of the rotation is due, negative once it is due; missing if no action is planned."}
	lastSuccess = name{text: "playtoken_rotation_last_success_age_seconds", labels: []string{"project"},
		help: "Time since a rotation run that had an action to take last succeeded, in any process."}
	lastLook = name{text: "playtoken_rotation_last_look_age_seconds", labels: []string{"project"},
		help: "Time since the platform's keys were last listed, in any process."}
	overdue = name{text: "playtoken_rotation_overdue", labels: []string{"project"},
		help: "1 if an action of the rotation is long overdue, else 0."}
	unrecognised = name{text: "playtoken_keys_unrecognised", labels: []string{"project"},
		help: "Keys that the platform took and that no list has shown to be ours. At 3, no more are registered until an operator has looked at them."}
	keysHeld = name{text: "playtoken_keys_held", labels: []string{"project"},
		help: "Keys of ours that the platform holds, or may hold."}
	keysBudget = name{text: "playtoken_keys_budget", labels: []string{"project"},
		help: "How many keys of ours the platform may hold."}
	keysDrifted = name{text: "playtoken_keys_drifted", labels: []string{"project", "kind"},
		help: "Keys about which platform or store differed from the ring when they were last looked at, by how they differ."}
	runs = name{text: "playtoken_rotation_runs_total", labels: []string{"project", "outcome"},
		help: "Passes of the rotation in this process, by outcome: ok, failed, or blocked if what is due waits for an operator."}
	lastRun = name{text: "playtoken_rotation_last_run_timestamp_seconds", labels: []string{"project"},
		help: "Unix time of the end of the newest pass in this process; missing before the first."}
	schedulerRunning = name{text: "playtoken_scheduler_running",
		help: "1 while this process rotates keys by itself, 0 if that is off or Vault does not permit it."}
	ringsUnread = name{text: "playtoken_rings_unread",
		help: "Projects with series of their own whose key ring this process has not read once: what is known of their keys is missing."}
	projectsNotShown = name{text: "playtoken_projects_not_shown", labels: []string{"state"},
		help: "Projects without series of their own, by what is known of them: well, troubled or unread."}
	findings = name{text: "playtoken_finding", labels: []string{"project", "code"},
		help: "1 for each thing that an operator should know about a project's keys, by its code; missing once it is over."}
	ringStaleness = name{text: "playtoken_ring_stale_seconds", labels: []string{"project"},
		help: "Age of the key ring that the gauges about keys and rotations were computed from."}

	platformCalls = name{text: "playtoken_platform_calls_total", labels: []string{"project", "platform", "operation", "result"},
		help: "Operations on the key API of the video platform."}
	platformCallsLeft = name{text: "playtoken_platform_calls_left", labels: []string{"platform"},
		help: "Calls that the platform still allows, by its newest response, for the account with the fewest left; missing if no response said so."}

	loginAge = name{text: "playtoken_vault_login_age_seconds", labels: []string{"method"},
		help: "Time since the last login to Vault; missing before the first login."}
	loginExpires = name{text: "playtoken_vault_login_expires_seconds", labels: []string{"method"},
		help: "Time until the Vault token expires; missing if it never does, or its expiry is unknown."}
	loginFailures = name{text: "playtoken_vault_login_failures", labels: []string{"method"},
		help: "Logins to Vault, and renewals, that failed since the last one that succeeded."}
	lockedOut = name{text: "playtoken_vault_locked_out", labels: []string{"method"},
		help: "1 while Vault refuses logins, right ones too, because too many were wrong, else 0."}

	certificateExpires = name{text: "playtoken_tls_certificate_expires_seconds",
		help: "Time until the certificate of this server's TLS ends; negative: since it ended. Missing without TLS."}
	clockAhead = name{text: "playtoken_clock_ahead_seconds",
		help: "The clock of this process minus the clock of the store; 0 if they are less than a second apart. Missing before it was compared."}
	limitsAlone = name{text: "playtoken_limits_alone",
		help: "1 while this process counts callers' requests on its own although replicas should share the counts, else 0."}
	auditInfo = name{text: "playtoken_audit_info", labels: []string{"destination"},
		help: "Always 1; the label says where the audit record goes: file or stderr."}
	auditFailures = name{text: "playtoken_audit_failures_total",
		help: "Audit entries that could not be written."}
	viewerQuestions = name{text: "playtoken_viewer_questions_total", labels: []string{"part", "outcome"},
		help: "Decisions about viewers, by what decided (issuer, rule or webhook) and the outcome."}
	viewerFailures = name{text: "playtoken_viewer_failures_total", labels: []string{"project", "part", "outcome"},
		help: "Decisions that a project's rule or webhook could not make: it failed, so the viewer was denied, or too many calls waited (full)."}

	gateKeyCalls = name{text: "playtoken_gate_key_calls_total", labels: []string{"action", "result"},
		help: "Changes at the gate's key API, and calls with a wrong credential (authenticate): ok, or the code of the refusal."}
	gateAdmissions = name{text: "playtoken_gate_admissions_total", labels: []string{"result"},
		help: "Decisions of the gate whether a viewer may watch: token, session, or the code of the refusal."}
	gateRequests = name{text: "playtoken_gate_requests_total", labels: []string{"kind", "status"},
		help: "Responses of the gate, by what was asked for: playlist, media, page, auth, key_api or process."}
	gateDuration = name{text: "playtoken_gate_request_duration_seconds", labels: []string{"kind"},
		help: "Time to serve a request, until the viewer took the last byte."}
	gateBytes = name{text: "playtoken_gate_response_bytes_total", labels: []string{"kind"},
		help: "Bytes of responses' bodies that viewers took."}
	gateSessions = name{text: "playtoken_gate_live_sessions",
		help: "Sessions for which something was asked of this gate in this minute or the one before; an estimate where they are thousands."}
	gateKeys = name{text: "playtoken_gate_registered_keys",
		help: "Public keys that are registered, by the view that this gate has."}
	gateViewAge = name{text: "playtoken_gate_view_age_seconds",
		help: "Time since the gate last read its keys and the ends of sessions. Beyond PLAYTOKEN_MAX_STALENESS it admits no viewer."}
)

// ofService lists the metrics of a Service.
var ofService = []name{
	tokensMinted, tokensRefused, signaturesShared, signatureFaults, signing, storeDuration, httpRequests, httpDuration,
	signingKeys, activeKeyAge, nextAction, lastSuccess, lastLook, overdue, unrecognised, keysHeld, keysBudget, keysDrifted,
	findings, runs, lastRun, schedulerRunning, ringStaleness, ringsUnread, projectsNotShown,
	platformCalls, platformCallsLeft, loginAge, loginExpires, loginFailures, lockedOut,
	clockAhead, limitsAlone, auditInfo, auditFailures, viewerQuestions, viewerFailures,
}

// ofGate lists the metrics of a Gate.
var ofGate = []name{
	gateAdmissions, gateKeyCalls, gateRequests, gateDuration, gateBytes, gateSessions, gateKeys, gateViewAge,
	loginAge, loginExpires, loginFailures, lockedOut, limitsAlone, auditInfo, auditFailures,
}

func (n name) desc() *prometheus.Desc { return prometheus.NewDesc(n.text, n.help, n.labels, nil) }

func (n name) counter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: n.text, Help: n.help}, n.labels)
}

// histogram returns 16 buckets: the first has the upper bound first, and each
// further one twice the bound of the one before.
func (n name) histogram(first float64) *prometheus.HistogramVec {
	buckets := prometheus.ExponentialBuckets(first, 2, 16)
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: n.text, Help: n.help, Buckets: buckets}, n.labels)
}

// sink receives the metrics that a scrape computes.
type sink chan<- prometheus.Metric

func (s sink) gauge(n name, value float64, labels ...string) {
	s.send(n, prometheus.GaugeValue, value, labels)
}

// flag is a gauge of 1 or 0.
func (s sink) flag(n name, holds bool, labels ...string) {
	value := 0.0
	if holds {
		value = 1
	}
	s.gauge(n, value, labels...)
}

func (s sink) counter(n name, value float64, labels ...string) {
	s.send(n, prometheus.CounterValue, value, labels)
}

func (s sink) send(n name, kind prometheus.ValueType, value float64, labels []string) {
	m, err := prometheus.NewConstMetric(n.desc(), kind, value, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(n.desc(), err)
	}
	s <- m
}

// sorted returns the keys in an order that is the same for every scrape.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

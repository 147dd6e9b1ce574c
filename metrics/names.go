package metrics

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// name is one metric: what it is called, what it tells, and by which labels.
type name struct {
	text, help string
	labels     []string
}

// Every metric there is, beside those of Go (go_) and of the process
// (process_). Dashboards and alerts hang on these names: a new one is added
// here, an old one is never changed.
//
// The values of a label are: project, the id of a project, or "others" from
// the 201st on; code, a code of a
// problem, as in the API's errors; route, a template like
// /v1/projects/{project_id}, or "none"; state, a state of a signing key;
// operation, a method of a store or platform; result, a name of the table
// results.
var (
	buildInfo = name{"playtoken_build_info", "Always 1; the labels say what this binary was built from.", []string{"version", "revision"}}

	tokensMinted     = name{"playtoken_tokens_minted_total", "Playback tokens handed out.", []string{"project"}}
	tokensRefused    = name{"playtoken_tokens_refused_total", "Requests for a playback token that were answered with a problem, by its code.", []string{"code"}}
	signaturesShared = name{"playtoken_signatures_shared_total", "Playback tokens that carry a signature made for an equal token.", nil}
	signing          = name{"playtoken_signing_duration_seconds", "Time to make one signature, waiting for a batch included.", []string{"result"}}
	storeDuration    = name{"playtoken_store_duration_seconds", "Time the store took to answer, signatures left out.", []string{"operation", "result"}}

	httpRequests = name{"playtoken_http_requests_total", "Requests answered.", []string{"route", "method", "status"}}
	httpDuration = name{"playtoken_http_request_duration_seconds", "Time to answer a request.", []string{"route"}}

	signingKeys   = name{"playtoken_signing_keys", "Signing keys by state, tombstones of deleted ones included.", []string{"project", "state"}}
	activeKeyAge  = name{"playtoken_active_key_age_seconds", "Time since the key that signs became active; missing while no key signs.", []string{"project"}}
	nextAction    = name{"playtoken_rotation_next_action_seconds", "Time until the next move is due, negative if it is due; missing if none is planned.", []string{"project"}}
	lastSuccess   = name{"playtoken_rotation_last_success_age_seconds", "Time since a rotation that had something to do last ended well, in any process.", []string{"project"}}
	lastLook      = name{"playtoken_rotation_last_look_age_seconds", "Time since the platform's keys were last looked at, in any process.", []string{"project"}}
	overdue       = name{"playtoken_rotation_overdue", "1 if a move should have been made long ago, else 0.", []string{"project"}}
	ringStaleness = name{"playtoken_ring_stale_seconds", "Age of the record that the gauges about keys and rotations were read from.", []string{"project"}}

	platformCalls     = name{"playtoken_platform_calls_total", "Operations on the video platform's key API.", []string{"platform", "operation", "result"}}
	platformCallsLeft = name{"playtoken_platform_calls_left", "Calls that the platform still allows, by its newest answer; missing if it does not say.", []string{"platform"}}

	loginAge      = name{"playtoken_vault_login_age_seconds", "Time since the last login to Vault; missing before the first.", []string{"method"}}
	loginExpires  = name{"playtoken_vault_login_expires_seconds", "Time until Vault's token ends; missing if it does not, or that is unknown.", []string{"method"}}
	loginFailures = name{"playtoken_vault_login_failures", "Attempts to log in to Vault, or to renew, that failed since one succeeded.", []string{"method"}}

	limitsAlone     = name{"playtoken_limits_alone", "1 while this process counts callers' requests alone although it was told to share the count, else 0.", nil}
	auditFailures   = name{"playtoken_audit_failures_total", "Entries that could not be written to the record of what was done.", nil}
	viewerQuestions = name{"playtoken_viewer_questions_total", "Questions about viewers, by who was asked (issuer, rule or webhook) and how it ended.", []string{"part", "outcome"}}

	gateAdmissions = name{"playtoken_gate_admissions_total", "Decisions of the gate whether a viewer may watch: token, session, or the code of the refusal.", []string{"result"}}
)

// ofService are the names that a Service describes.
var ofService = []name{
	tokensMinted, tokensRefused, signaturesShared, signing, storeDuration, httpRequests, httpDuration,
	signingKeys, activeKeyAge, nextAction, lastSuccess, lastLook, overdue, ringStaleness,
	platformCalls, platformCallsLeft, loginAge, loginExpires, loginFailures,
	limitsAlone, auditFailures, viewerQuestions,
}

func (n name) desc() *prometheus.Desc { return prometheus.NewDesc(n.text, n.help, n.labels, nil) }

func (n name) counter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: n.text, Help: n.help}, n.labels)
}

// histogram has 16 buckets, each twice the one before, from the first.
func (n name) histogram(first float64) *prometheus.HistogramVec {
	buckets := prometheus.ExponentialBuckets(first, 2, 16)
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: n.text, Help: n.help, Buckets: buckets}, n.labels)
}

// sink is where a scrape collects what is not counted but looked up.
type sink chan<- prometheus.Metric

func (s sink) gauge(n name, value float64, labels ...string) {
	s.send(n, prometheus.GaugeValue, value, labels)
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

// sorted is for output that does not change from scrape to scrape.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

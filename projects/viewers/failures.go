package viewers

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// maxFailures is how many of them are remembered, of all
// projects together.
const maxFailures = 1024

// A project's failures are logged at most this often, because a rule that fails
// usually fails for every viewer.
const (
	failuresPerSecond = rate.Limit(0.2)
	failuresAtOnce    = 10
)

// failure is a project's rule or webhook that failed, or a reason for which tokens
// of its viewers are not accepted.
type failure struct {
	log      *rate.Limiter
	mu       sync.Mutex
	unlogged int
}

// failed reports a rule or webhook that could not decide, so that the viewer was
// denied. The reason must contain nothing about the viewer.
func (v *Viewers) failed(ctx context.Context, part string, f facts, reason string) {
	v.config.Watch(f.ProjectID, part, "failed")
	v.noted(ctx, f.ProjectID+" "+part, slog.LevelWarn, "a "+part+" failed, so the viewer was denied",
		slog.String("project_id", f.ProjectID), slog.String("request_id", f.RequestID), slog.String("error", brief(reason)))
}

// noted logs what happens often at most as often as may be, and then how many times
// it did not.
func (v *Viewers) noted(ctx context.Context, what string, level slog.Level, message string, attrs ...slog.Attr) {
	at := &failure{log: rate.NewLimiter(failuresPerSecond, failuresAtOnce)}
	if earlier, there, _ := v.failures.PeekOrAdd(what, at); there {
		at = earlier
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	if !at.log.AllowN(v.config.Clock(), 1) {
		at.unlogged++
		return
	}
	v.config.Log.LogAttrs(ctx, level, message, append(attrs, slog.Int("failures_not_logged", at.unlogged))...)
	at.unlogged = 0
}

// reasonOf says why a rule could not be evaluated. The error itself may quote a
// viewer's claims.
func reasonOf(err error) string {
	for text, reason := range map[string]string{
		"no such key":      "a claim that the rule reads is missing: test for it with has(), or in",
		"no such overload": "a claim has another type than the rule expects",
		"cost limit":       "it cost more than a rule may",
	} {
		if strings.Contains(err.Error(), text) {
			return reason
		}
	}
	return "it could not be evaluated"
}

package viewers

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// RuleError is why a rule cannot be saved, for its author.
type RuleError struct {
	Line, Column int // from 1; 0: the error is about the whole rule
	Message      string
}

// Error implements error.
func (e *RuleError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Sample is a mint that never happened, for the author of a rule.
type Sample struct {
	Request Request
	Now     time.Time // zero: the present
}

// Trial is what a rule would do.
type Trial struct {
	Fault    *RuleError // why it cannot be saved; nil: it can
	Ran      bool       // on a sample
	Entitled bool
	Reason   string // why it came to no end, which denies; empty: it did
}

// Try compiles a rule and, where there is a sample, evaluates it, with the limits
// of a mint. It remembers, logs and counts nothing.
func (v *Viewers) Try(ctx context.Context, text, projectID string, sample *Sample) Trial {
	program, err := compile(v.env, text)
	if err != nil {
		fault, located := errors.AsType[*RuleError](err)
		if !located {
			fault = &RuleError{Message: err.Error()}
		}
		return Trial{Fault: fault}
	}
	if sample == nil {
		return Trial{}
	}
	now := sample.Now
	if now.IsZero() {
		now = v.config.Clock()
	}
	request := sample.Request
	request.Viewer.Claims = wholeClaims(request.Viewer.Claims)
	trial := Trial{Ran: true}
	if trial.Entitled, err = evaluate(ctx, program, factsOf(projectID, request, now)); err != nil {
		trial.Reason = reasonOf(err)
	}
	return trial
}

// wholeClaims are claims with the numbers that a viewer's token would have: whole
// ones as int64.
func wholeClaims(claims map[string]any) map[string]any {
	whole := map[string]any{}
	for name, value := range claims {
		whole[name] = wholeNumber(value)
	}
	return whole
}

func wholeNumber(value any) any {
	switch value := value.(type) {
	case float64:
		if n := int64(value); float64(n) == value && n > -1<<53 && n < 1<<53 {
			return n
		}
	case map[string]any:
		return wholeClaims(value)
	case []any:
		whole := make([]any, len(value))
		for i, one := range value {
			whole[i] = wholeNumber(one)
		}
		return whole
	}
	return value
}

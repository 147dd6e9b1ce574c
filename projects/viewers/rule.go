package viewers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
)

const (
	maxRule  = 4096 // bytes
	maxNodes = 1000 // after macros are expanded
	maxDepth = 50
	maxRegex = 1000 // instructions

	// maxCost bounds, in CEL's units, both the estimated worst cost of a rule and
	// its actual cost. It amounts to milliseconds; real rules need about a hundred.
	maxCost = 100_000
	// assumedLength is the length of a list or text of unknown length in the
	// estimate. At run time the actual length counts.
	assumedLength = 256

	ruleTimeout = time.Second // as a second limit: maxCost ends a rule long before
	checkEvery  = 100         // steps of a loop between checks of the deadline
)

// newEnv declares the variables of a rule:
//
//	viewer    .id .issuer .ip (texts, empty if unknown), .claims (a map)
//	video_id  a text
//	request   .caller ("viewer", "api_key" or "admin") .project_id
//	          .expires_in (seconds) .signing ("token", "sign", "sign/drm"…)
//	          .drm_policy .batch_size (a number) .origin .ip .viewer_ip
//	          (texts, empty if unknown)
//	now       a timestamp
//
// A missing claim is an error, and an error denies. A rule for which a claim is
// optional checks first: has(viewer.claims.plan), or "https://a/plan" in
// viewer.claims for a name with other characters. The language has neither endless
// loops nor side effects.
func newEnv() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Types(
			cel.NativeTypeFor[viewerFacts](cel.NativeTypeAlias("Viewer"), types.ParseStructTags(true)),
			cel.NativeTypeFor[requestFacts](cel.NativeTypeAlias("Request"), types.ParseStructTags(true)),
		),
		cel.Variable("viewer", cel.ObjectType("Viewer")),
		cel.Variable("video_id", cel.StringType),
		cel.Variable("request", cel.ObjectType("Request")),
		cel.Variable("now", cel.TimestampType),
		cel.CrossTypeNumericComparisons(true), // a claim may be an integer or a float
		cel.ParserExpressionSizeLimit(maxRule),
		cel.ParserRecursionLimit(maxDepth),
		cel.ExpressionNodeLimit(maxNodes),
		cel.RegexProgramSizeLimit(maxRegex),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
	)
}

// compile turns text into a program that returns a bool within maxCost. Its errors
// are for the author of the rule.
func compile(env *cel.Env, text string) (cel.Program, error) {
	if len(text) > maxRule {
		return nil, fmt.Errorf("has %d bytes: it may have at most %d", len(text), maxRule)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, firstOf(issues)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("is of type %s and must be bool: compare a claim with a value, as in viewer.claims.premium == true", ast.OutputType())
	}
	worst, err := env.EstimateCost(ast, lengths{})
	if err != nil {
		return nil, fmt.Errorf("cannot estimate its cost: %s", brief(err.Error()))
	}
	if worst.Max > maxCost {
		return nil, fmt.Errorf("could cost %d, more than the limit of %d: use fewer values, or each of them once", worst.Max, maxCost)
	}
	return env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.InterruptCheckFrequency(checkEvery))
}

// firstOf is the first error of a rule, in one line.
func firstOf(issues *cel.Issues) error {
	for _, e := range issues.Errors() {
		return &RuleError{Line: e.Location.Line(), Column: e.Location.Column() + 1, Message: brief(e.Message)}
	}
	return errors.New(brief(issues.Err().Error()))
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) || r == ' ' }

// lengths estimates the lengths that a rule's text does not give.
type lengths struct{}

// EstimateSize implements checker.CostEstimator.
func (lengths) EstimateSize(cost.AstNode) *cost.SizeEstimate {
	return &cost.SizeEstimate{Max: assumedLength}
}

// EstimateCallCost implements checker.CostEstimator.
func (lengths) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// rule is a rule's text, compiled on its first use.
type rule struct {
	once    sync.Once
	program cel.Program
	err     error
}

func (v *Viewers) rule(text string) (cel.Program, error) {
	r, known := v.rules.Get(text)
	if !known {
		r = &rule{}
		if other, there, _ := v.rules.PeekOrAdd(text, r); there {
			r = other
		}
	}
	r.once.Do(func() { r.program, r.err = compile(v.env, text) })
	return r.program, r.err
}

// evaluateRule returns nil if the rule is true, and *NotEntitled in every other
// case.
func (v *Viewers) evaluateRule(ctx context.Context, text string, f facts) error {
	program, err := v.rule(text)
	if err != nil {
		// It was checked when it was saved, but by another version of this service.
		v.failed(ctx, "rule", f, "it was saved by another version and does not compile: "+err.Error())
		return &NotEntitled{Rule: "rule"}
	}
	entitled, err := evaluate(ctx, program, f)
	switch {
	case err != nil:
		v.failed(ctx, "rule", f, reasonOf(err))
	case entitled:
		v.config.Watch(f.ProjectID, "rule", "ok")
		return nil
	default:
		v.config.Watch(f.ProjectID, "rule", "denied")
	}
	return &NotEntitled{Rule: "rule"}
}

func evaluate(ctx context.Context, program cel.Program, f facts) (entitled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, ruleTimeout)
	defer cancel()
	result, _, err := program.ContextEval(ctx, map[string]any{
		"viewer": f.Viewer, "video_id": f.VideoID, "request": f.Request, "now": f.Now,
	})
	if err != nil {
		return false, err
	}
	entitled, _ = result.Value().(bool)
	return entitled, nil
}

package operators

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"cel.dev/cel-go/cel"

	"playtoken/projects"
)

const (
	maxRule     = 4096    // bytes
	maxCost     = 100_000 // in CEL's units; some milliseconds
	ruleTimeout = time.Second
)

// compile turns the rule for roles into a program.
func compile(rule string) (cel.Program, error) {
	if rule == "" {
		return nil, errors.New(`is empty: want an expression such as "admins" in claims.groups ? "admin" : ""`)
	}
	env, err := cel.NewEnv(cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)), cel.ParserExpressionSizeLimit(maxRule))
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(rule)
	if issues.Err() != nil {
		e := issues.Errors()[0]
		return nil, fmt.Errorf("column %d: %s", e.Location.Column()+1, e.Message)
	}
	if ast.OutputType() != cel.StringType {
		return nil, fmt.Errorf("is of type %s: it must be a text, a role or empty", ast.OutputType())
	}
	return env.Program(ast, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100))
}

// role applies the rule. Errors: ErrNoRole, also where the rule fails: a claim that
// it needs is missing.
func (s *SignIn) role(ctx context.Context, claims map[string]any) (projects.Role, error) {
	ctx, cancel := context.WithTimeout(ctx, ruleTimeout)
	defer cancel()
	result, _, err := s.roles.ContextEval(ctx, map[string]any{"claims": claims})
	if err != nil {
		// The error may quote claims.
		s.config.Log.LogAttrs(ctx, slog.LevelWarn, "PLAYTOKEN_OPERATOR_ROLES could not be evaluated: test with has() whether a claim is there")
		return "", ErrNoRole
	}
	text, _ := result.Value().(string)
	role := projects.Role(text)
	if !slices.Contains([]projects.Role{projects.RoleAdmin, projects.RoleOperator, projects.RoleAuditor}, role) {
		if text != "" {
			s.config.Log.LogAttrs(ctx, slog.LevelWarn, "PLAYTOKEN_OPERATOR_ROLES is not a role", slog.String("value", fmt.Sprintf("%.40q", text)))
		}
		return "", ErrNoRole
	}
	return role, nil
}

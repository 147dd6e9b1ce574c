package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"playtoken/projects"
	"playtoken/projects/approvals"
)

// Approvals is what an *approvals.Store does; see there.
type Approvals interface {
	Ask(ctx context.Context, act approvals.Act, by projects.Caller) (approvals.Approval, error)
	Waiting(ctx context.Context) ([]approvals.Approval, error)
	Claim(ctx context.Context, id string, by projects.Caller, may func(approvals.Act) error) (approvals.Approval, error)
}

// Asked is the response to an act that waits for a second operator.
type Asked struct {
	ApprovalID string    `json:"approval_id"`
	ExpiresAt  time.Time `json:"expires_at"` // until then it waits
}

var _ withStatus = Asked{}

func (Asked) status() int { return http.StatusAccepted }

// Approvable is an act that waits.
type Approvable struct {
	ApprovalID  string    `json:"approval_id"`
	Act         string    `json:"act"` // "revoke", "remove" or "delete"
	ProjectID   string    `json:"project_id"`
	Subject     string    `json:"subject"` // the key's generation or id; "" for a project
	Reason      string    `json:"reason"`
	AskedBy     string    `json:"asked_by"`      // the operator's or API key's id
	AskedByName string    `json:"asked_by_name"` // may be ""
	AskedAt     time.Time `json:"asked_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// waitingList are all acts that wait.
type waitingList struct {
	Items []Approvable `json:"items"`
}

func (s *server) approvalRoutes() []route {
	return []route{
		get(approvalsPath, endpoint(s, routePolicy{action: projects.ReadApprovals, status: http.StatusOK}, s.listWaiting)),
		post(approvalsPath+"/{approval_id}/approve", endpoint(s, routePolicy{action: projects.Approve, status: http.StatusOK}, s.approve)),
	}
}

// waitingAct carries out a route's act that was approved.
type waitingAct struct {
	policy routePolicy
	do     func(ctx context.Context, c call, body []byte) (any, error)
}

// later makes a waitingAct of a route's function.
func later[B, R any](s *server, policy routePolicy, act func(context.Context, call, B) (R, error)) waitingAct {
	return waitingAct{policy: policy, do: func(ctx context.Context, c call, data []byte) (any, error) {
		var body B
		if err := json.Unmarshal(data, &body, json.RejectUnknownMembers(true)); err != nil {
			return nil, fmt.Errorf("read an act that was approved: %w", err)
		}
		return carryOut(ctx, s, policy, c, body, act)
	}}
}

// orWait carries a call out, or lets it wait for a second operator.
func orWait[B, R any](ctx context.Context, s *server, policy routePolicy, c call, body B, act func(context.Context, call, B) (R, error)) (any, error) {
	waits, err := s.mustWait(ctx, policy, c, body)
	switch {
	case err != nil:
		return nil, err
	case waits:
		return s.ask(ctx, policy, c, body)
	}
	return carryOut(ctx, s, policy, c, body, act)
}

// mustWait reports whether a call has to wait. Errors: projects.ErrForbidden for a
// caller who must not override that.
func (s *server) mustWait(ctx context.Context, policy routePolicy, c call, body any) (bool, error) {
	if s.Approvals == nil || !s.waits(policy, body) {
		return false, nil
	}
	if says, ok := body.(withOverride); !ok || !says.overrides() {
		return true, nil
	}
	if c.caller.Role != projects.RoleAdmin {
		return false, fmt.Errorf("override: %w; it needs the role %q", projects.ErrForbidden, projects.RoleAdmin)
	}
	return false, s.shout(ctx, policy, c, body)
}

// waits reports whether acts like this wait in this deployment. Revoking a key by
// deleting its project is no way around.
func (s *server) waits(policy routePolicy, body any) bool {
	also, ok := body.(withRevocation)
	return slices.Contains(s.MustWait, policy.approval) ||
		ok && also.revokes() && slices.Contains(s.MustWait, approvals.Revoke)
}

// shout puts on record, and into the log, that an admin did not wait.
func (s *server) shout(ctx context.Context, policy routePolicy, c call, body any) error {
	entry := c.entry(policy, body, policy.record)
	entry.Action = "approval.override"
	s.Log.LogAttrs(ctx, slog.LevelWarn, "an admin does at once what waits for a second operator",
		slog.String("act", policy.record), slog.String("project", c.project), slog.String("subject", entry.Subject),
		slog.String("operator", c.caller.ID), slog.String("operator_name", c.caller.Name),
		slog.String("reason", entry.Reason), slog.String("request_id", c.requestID))
	return s.recordBefore(ctx, policy, entry)
}

// ask lets a call wait for a second operator. What can be refused already is.
func (s *server) ask(ctx context.Context, policy routePolicy, c call, body any) (Asked, error) {
	if policy.possible != nil {
		if err := policy.possible(ctx, c); err != nil {
			return Asked{}, err
		}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return Asked{}, fmt.Errorf("keep an act that waits: %w", err)
	}
	entry := c.entry(policy, body, "waits")
	asked, err := s.Approvals.Ask(ctx, approvals.Act{
		Kind: policy.approval, Name: policy.record, Project: c.project, Vars: maps.Clone(c.vars), Body: jsontext.Value(data),
		Subject: entry.Subject, Reason: entry.Reason,
	}, c.caller)
	if err != nil {
		return Asked{}, err
	}
	entry.Action, entry.Subject, entry.Result = "approval.ask", asked.ID, policy.record
	return Asked{ApprovalID: asked.ID, ExpiresAt: asked.ExpiresAt}, s.recordBefore(ctx, policy, entry)
}

func (s *server) listWaiting(ctx context.Context, _ call, _ noBody) (waitingList, error) {
	held, err := s.Approvals.Waiting(ctx)
	if err != nil {
		return waitingList{}, err
	}
	list := waitingList{Items: []Approvable{}}
	for _, a := range held {
		list.Items = append(list.Items, Approvable{
			ApprovalID: a.ID, Act: string(a.Act.Kind), ProjectID: a.Act.Project, Subject: a.Act.Subject, Reason: a.Act.Reason,
			AskedBy: a.AskedBy.ID, AskedByName: a.AskedBy.Name, AskedAt: a.AskedAt, ExpiresAt: a.ExpiresAt,
		})
	}
	return list, nil
}

// approved is the response to an approval: that of the act.
type approved struct {
	code int
	body any
}

var _ withStatus = approved{}

func (a approved) status() int { return a.code }

// MarshalJSONTo implements [json.MarshalerTo].
func (a approved) MarshalJSONTo(to *jsontext.Encoder) error { return json.MarshalEncode(to, a.body) }

// approve carries out what another operator asked for, with the rights of the one
// who approves.
func (s *server) approve(ctx context.Context, c call, body whyBody) (approved, error) {
	claimed, err := s.Approvals.Claim(ctx, c.vars["approval_id"], c.caller, func(act approvals.Act) error {
		waiting, ok := s.waiting[act.Name]
		if !ok {
			return approvals.ErrGone // a newer version knows it
		}
		return mayProject(c.caller, waiting.policy.action, act.Project)
	})
	if err != nil {
		return approved{}, err
	}
	waiting := s.waiting[claimed.Act.Name]
	c.project, c.vars, c.approved, c.consent = claimed.Act.Project, claimed.Act.Vars, &claimed, body.Reason
	response, err := waiting.do(ctx, c, claimed.Act.Body)
	if err != nil {
		return approved{}, err
	}
	return approved{code: statusOf(response, waiting.policy.status), body: response}, nil
}

// because is the reason of a change, with who asked for what another operator
// approved, and why that operator did.
func (c call) because(reason string) string {
	if c.approved == nil {
		return reason
	}
	if c.consent != "" {
		return fmt.Sprintf("%s (%s, asked for by %s; approved: %s)", reason, c.approved.ID, c.approved.AskedBy, c.consent)
	}
	return fmt.Sprintf("%s (%s, asked for by %s)", reason, c.approved.ID, c.approved.AskedBy)
}

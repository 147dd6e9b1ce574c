package viewers_test

import (
	"strings"
	"testing"
	"time"

	"playtoken/projects/viewers"
)

func TestARuleIsTriedWithoutBeingSaved(t *testing.T) {
	v := newViewers(t, viewers.Config{})
	ann := &viewers.Sample{Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Request: viewers.Request{
		Caller: viewers.ByViewer, VideoID: "film", ExpiresIn: 10 * time.Minute, IP: "192.0.2.1",
		Viewer: viewers.Viewer{ID: "ann", Claims: map[string]any{"plan": "gold", "seats": 3.0, "share": 0.5, "of": []any{4.0, map[string]any{"n": 5.0}}}},
	}}
	for rule, c := range map[string]struct {
		sample *viewers.Sample
		want   viewers.Trial
	}{
		`viewer.id == "ann"`:                                    {ann, viewers.Trial{Ran: true, Entitled: true}},
		`viewer.id == "ben"`:                                    {ann, viewers.Trial{Ran: true}},
		`viewer.id == "" || true`:                               {nil, viewers.Trial{}},
		`viewer.claims.seats % 2 == 1`:                          {ann, viewers.Trial{Ran: true, Entitled: true}},
		`viewer.claims.of[1].n % 2 == 1`:                        {ann, viewers.Trial{Ran: true, Entitled: true}},
		`viewer.claims.share < 1`:                               {ann, viewers.Trial{Ran: true, Entitled: true}},
		`request.project_id == "p" && viewer.ip == "192.0.2.1"`: {ann, viewers.Trial{Ran: true, Entitled: true}},
		`request.expires_in == 600 && now < timestamp("2026-03-02T00:00:00Z")`: {ann, viewers.Trial{Ran: true, Entitled: true}},
		`now > timestamp("2020-01-01T00:00:00Z")`:                              {&viewers.Sample{}, viewers.Trial{Ran: true, Entitled: true}},
		`viewer.claims.missing == 1`:                                           {ann, viewers.Trial{Ran: true, Reason: "a claim that the rule reads is missing: test for it with has(), or in"}},
		`viewer.claims.plan < 3`:                                               {ann, viewers.Trial{Ran: true, Reason: "a claim has another type than the rule expects"}},
	} {
		if got := v.Try(t.Context(), rule, "p", c.sample); got != c.want {
			t.Errorf("%s: got %+v, want %+v", rule, got, c.want)
		}
	}
}

func TestATriedRuleIsLocatedWhereItIsWrong(t *testing.T) {
	v := newViewers(t, viewers.Config{})
	for rule, want := range map[string]viewers.RuleError{
		"true &&\n  viewr.id == \"\"": {Line: 2, Column: 3, Message: "undeclared reference"},
		"viewer.id ==":                {Line: 1, Column: 13, Message: "Syntax error"},
		"1":                           {Message: "must be bool"},
		strings.Repeat("a", 5000):     {Message: "at most 4096"},
		`[1,2,3].all(a, viewer.claims.x.all(b, viewer.claims.x.all(c, viewer.claims.x.all(d, true))))`: {Message: "could cost"},
	} {
		got := v.Try(t.Context(), rule, "p", &viewers.Sample{})
		if got.Fault == nil || got.Ran || got.Fault.Line != want.Line || got.Fault.Column != want.Column || !strings.Contains(got.Fault.Message, want.Message) {
			t.Errorf("%.60s: got %+v, %v, want a fault like %+v, and no run", rule, got, got.Fault, want)
		}
	}
}

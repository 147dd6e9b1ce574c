package viewers_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/projects/viewers"
)

func ruled(rule string) projects.Project {
	p := project()
	p.ViewerPolicy.Rule = rule
	return p
}

var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// question is what the rules of these tests are asked about.
func question() viewers.Request {
	return viewers.Request{
		Caller: viewers.ByViewer, VideoID: "film-7", ExpiresIn: 10 * time.Minute, Origin: "https://www.example.com", IP: "192.0.2.7", RequestID: "req-1", CallerID: "viewer_a",
		Signing: "sign/drm", DRMPolicy: "hd", BatchSize: 70,
		Viewer: viewers.Viewer{ID: "viewer-1", IP: "192.0.2.9", Issuer: "https://login.example.com", Claims: map[string]any{
			"premium": true, "level": int64(3), "score": 2.5, "email": "ana@example.com", "name": "Zoë 用户",
			"roles": []any{"member", "press"}, "address": map[string]any{"country": "NZ"}, "nothing": nil,
		}},
	}
}

func TestRules(t *testing.T) {
	v := newViewers(t, viewers.Config{Clock: atNoon})
	for rule, entitled := range map[string]bool{
		`true`: true, `false`: false,
		`video_id == "film-7"`: true, `video_id == "film-8"`: false,
		`video_id.startsWith("film-")`: true, `video_id in ["film-8", "film-9"]`: false,
		`viewer.id == "viewer-1"`: true, `viewer.id == "viewer-2"`: false,
		`viewer.issuer == "https://login.example.com"`: true, `viewer.issuer != "https://login.example.com"`: false,
		// A viewer's address is that of the connection, and not what the request says.
		`viewer.ip == "192.0.2.7"`: true, `viewer.ip == request.viewer_ip`: false,
		`request.viewer_ip == "192.0.2.9"`: true, `request.viewer_ip == request.ip`: false,
		`request.signing == "sign/drm"`: true, `request.signing == "token"`: false,
		`request.drm_policy in ["sd", "hd"]`: true, `request.drm_policy == ""`: false,
		`request.batch_size <= 70`: true, `request.batch_size == 1`: false,
		`request.caller == "viewer"`: true, `request.caller == "admin"`: false,
		`request.project_id == "project_a"`: true, `request.project_id == "project_b"`: false,
		`request.expires_in <= 600`: true, `request.expires_in < 600`: false,
		`request.origin == "https://www.example.com"`: true, `request.origin == ""`: false,
		`request.ip.startsWith("192.0.2.")`: true, `request.ip == "::1"`: false,
		`now < timestamp("2026-12-24T18:00:00Z")`: true, `now > timestamp("2026-12-24T18:00:00Z")`: false,
		`now.getHours("Pacific/Auckland") == 1`: true, `now.getHours() == 1`: false,
		`viewer.claims.premium == true`: true, `viewer.claims.premium == false`: false,
		`viewer.claims.level >= 3`: true, `viewer.claims.level >= 3.5`: false,
		`viewer.claims.score > 2`: true, `viewer.claims.score > 2.5`: false,
		`viewer.claims.email.endsWith("@example.com")`: true, `viewer.claims.email.endsWith("@example.org")`: false,
		`viewer.claims.email.matches("^[a-z]+@example[.]com$")`: true, `viewer.claims.email.matches("^bob")`: false,
		`viewer.claims.name == "Zoë 用户"`: true, `viewer.claims.name == "Zoe 用户"`: false,
		`size(viewer.claims.name) == 6`: true, `"é" == "e\u0301"`: false, // as written, never normalised
		`"press" in viewer.claims.roles`: true, `"staff" in viewer.claims.roles`: false,
		`viewer.claims.roles.exists(r, r == "press")`: true, `viewer.claims.roles.all(r, r == "press")`: false,
		`viewer.claims.address.country == "NZ"`: true, `viewer.claims.address.country == "AU"`: false,
		`has(viewer.claims.premium) && viewer.claims.premium == true`: true,
		`has(viewer.claims.absent) && viewer.claims.absent == true`:   false,
		`!("banned" in viewer.claims)`:                                true, `"absent" in viewer.claims`: false,
		// Every error denies, and hides nothing.
		`viewer.claims.absent == true`: false, `viewer.claims.absent != true`: false, `!(viewer.claims.absent == true)`: false,
		`viewer.claims.nothing.inside == 1`: false, `viewer.claims.level.inside == 1`: false,
		`viewer.claims.premium == "true"`: false, `viewer.claims.email > 3`: false,
		`viewer.claims.level / 0 == 1`: false, `int(viewer.claims.email) == 1`: false,
		`viewer.claims.email.matches(viewer.claims.email + "[")`: false,
		`timestamp(viewer.claims.email) < now`:                   false,
		`viewer.claims.absent == true || true`:                   true, // one side is enough
	} {
		for range 2 { // compiled, and remembered
			err := v.Entitled(t.Context(), ruled(rule), question())
			denied, is := errors.AsType[*viewers.NotEntitled](err)
			if entitled != (err == nil) || err != nil && (!is || denied.Rule != "rule") {
				t.Errorf("rule %s: got %v, want the opposite, or *NotEntitled by the rule", rule, err)
			}
		}
		if wrong := v.Check(ruled(rule).ViewerPolicy); wrong != nil {
			t.Errorf("rule %s: got %v, want no problem when it is saved", rule, wrong)
		}
	}
}

func TestRulesWithoutAViewerKnown(t *testing.T) {
	v := newViewers(t, viewers.Config{})
	ask := viewers.Request{Caller: viewers.ByAdmin, VideoID: "film-7"}
	for rule, entitled := range map[string]bool{
		`request.caller == "admin"`: true, `viewer.id == ""`: true, `size(viewer.claims) == 0`: true,
		`request.caller != "viewer" || viewer.claims.premium == true`: true,
		`"premium" in viewer.claims`:                                  false, `viewer.claims.premium == true`: false,
	} {
		if err := v.Entitled(t.Context(), ruled(rule), ask); entitled != (err == nil) {
			t.Errorf("rule %s: got %v, want the opposite", rule, err)
		}
	}
}

func TestRulesThatCannotBeSaved(t *testing.T) {
	v := newViewers(t, viewers.Config{})
	roles := "viewer.claims.roles"
	for rule, says := range map[string]string{
		`video_id == 7`:                        "no matching overload",
		`viewer.name == "x"`:                   "undefined field 'name'",
		`request.caller == 1`:                  "no matching overload",
		`token == "x"`:                         "undeclared reference to 'token'",
		`video_id`:                             "type string and must be bool",
		`viewer.claims.premium`:                "must be bool",
		`now`:                                  "must be bool",
		`1`:                                    "must be bool",
		`null`:                                 "must be bool",
		`true &&`:                              "line 1, column",
		"true &&\n\nvideo_id == 7":             "line 3, column",
		`"`:                                    "line 1",
		"\xff":                                 "",
		"\x00":                                 "",
		`video_id.matches("[")`:                "",
		`timestamp("yesterday") < now`:         "",
		`video_id == "x" // ` + long(5000):     "it may have at most 4096",
		strings.Repeat("(", 1000) + "true":     "",
		strings.Repeat("[", 500) + " == []":    "",
		"true" + strings.Repeat("&&true", 600): "",
		// Bombs: each would run for as long as the claims are long, many times over.
		roles + `.all(a, ` + roles + `.all(b, ` + roles + `.all(c, a == b && b == c)))`:                                             "could cost",
		`[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, ` + roles + `.all(d, d != c))))`: "could cost",
		`video_id.matches("(x{100}){100}")`: "",
	} {
		wrong := v.Check(ruled(rule).ViewerPolicy)
		if len(wrong) != 1 || wrong[0].Field != "viewer_policy.rule" || !strings.Contains(wrong[0].Problem, says) {
			t.Errorf("%.40q: %v, want %q", rule, wrong, says)
			continue
		}
		if problem := wrong[0].Problem; len(problem) > 400 || strings.ContainsAny(problem, "\r\n") {
			t.Errorf("rule %.40q: got the problem %q, want one line of at most 400 bytes", rule, problem)
		}
		// And a rule that another version saved denies.
		if err := v.Entitled(t.Context(), ruled(rule), question()); err == nil {
			t.Errorf("rule %.40q: got no error, want it to deny", rule)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestARuleThatCostsMoreThanItShouldDenies(t *testing.T) {
	v := newViewers(t, viewers.Config{})
	for n, entitled := range map[int]bool{3: true, 3000: false} {
		ask, text := question(), long(500)
		rule := `viewer.claims.roles.all(a, viewer.claims.text.startsWith(a))`
		ask.Viewer.Claims = map[string]any{"roles": slice(text, n), "text": text}
		if wrong := v.Check(ruled(rule).ViewerPolicy); wrong != nil {
			t.Fatal(wrong)
		}
		if err := v.Entitled(t.Context(), ruled(rule), ask); entitled != (err == nil) {
			t.Errorf("%d roles: got %v, want the opposite", n, err)
		}
	}
}

func slice(text string, n int) []any {
	made := make([]any, n)
	for i := range made {
		made[i] = text
	}
	return made
}

func TestTheViewerDoesNotLearnWhyARuleDenied(t *testing.T) {
	log := &book{}
	var outcomes []string
	v := newViewers(t, viewers.Config{Log: log.log(), Watch: func(_, part, outcome string) { outcomes = append(outcomes, part+" "+outcome) }})
	for _, rule := range []string{`viewer.claims.absent == true`, `int(viewer.claims.email) == 1`, `false`, `true`, `nonsense`} {
		err := v.Entitled(t.Context(), ruled(rule), question())
		if err != nil && err.Error() != "the project's rule does not entitle this viewer" {
			t.Errorf("rule %s: got %v, want an error that does not say why", rule, err)
		}
	}
	if got := fmt.Sprint(outcomes); got != "[rule failed rule failed rule denied rule ok rule failed]" {
		t.Error(got)
	}
	if text := log.String(); !strings.Contains(text, "a claim that the rule reads is missing") || !strings.Contains(text, "project_a") || !strings.Contains(text, "nonsense") ||
		strings.Contains(text, "ana@example.com") {
		t.Errorf("log: got %s, want the cause, the project and the failing rule, and no claim", text)
	}
}

// TestFailuresAreLoggedSeldom: a rule that fails usually fails for every viewer. The
// log says how often it did, and why, without a claim.
func TestFailuresAreLoggedSeldom(t *testing.T) {
	log, at := &book{}, time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	v := newViewers(t, viewers.Config{Log: log.log(), Clock: func() time.Time { return at }})
	for range 110 {
		_ = v.Entitled(t.Context(), ruled(`viewer.claims.absent == true`), question())
	}
	if n := strings.Count(log.String(), "a rule failed"); n != 10 {
		t.Errorf("110 failures at once: got %d lines, want 10", n)
	}
	at = at.Add(5 * time.Second)
	_ = v.Entitled(t.Context(), ruled(`viewer.claims.absent == true`), question())
	if !strings.Contains(log.String(), "failures_not_logged=100") {
		t.Errorf("five seconds later: got the log %s, want that 100 failures are not in it", log.String())
	}
}

func TestTheLogSaysWhyARuleFailed(t *testing.T) {
	for rule, want := range map[string]string{
		`viewer.claims.absent == true`:         "a claim that the rule reads is missing",
		`viewer.claims.email > 3`:              "another type than the rule expects",
		`viewer.claims.many.all(x, x == null)`: "it cost more than a rule may",
		`int(viewer.claims.email) == 1`:        "it could not be evaluated",
		`viewer.claims.level / 0 == 1`:         "it could not be evaluated",
	} {
		log := &book{}
		ask := question()
		ask.Viewer.Claims["many"] = make([]any, 200_000)
		_ = newViewers(t, viewers.Config{Log: log.log()}).Entitled(t.Context(), ruled(rule), ask)
		if got := log.String(); !strings.Contains(got, want) || strings.Contains(got, "ana@example.com") {
			t.Errorf("rule %s: got the log %s, want %q and no claim", rule, got, want)
		}
	}
}

func TestAProjectWithoutRuleAndWebhookMakesNoCall(t *testing.T) {
	v := newViewers(t, viewers.Config{})
	p, ask := project(), question()
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if err := v.Entitled(ctx, p, ask); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("got %g allocations, want 0", n)
	}
}

func TestRulesAreAskedByManyAtOnce(t *testing.T) {
	v := newViewers(t, viewers.Config{})
	var all sync.WaitGroup
	for n := range 32 {
		all.Go(func() {
			for i := range 50 {
				ask := question()
				ask.VideoID = fmt.Sprint(n)
				err := v.Entitled(t.Context(), ruled(fmt.Sprintf(`video_id == "%d" && %d >= 0`, n%2, i%5)), ask)
				if (err == nil) != (n < 2) {
					t.Errorf("rule %d: got %v, want no error only for the first two", n, err)
				}
			}
		})
	}
	all.Wait()
}

func FuzzRules(f *testing.F) {
	for _, rule := range []string{`true`, `video_id == "x" && has(viewer.claims.a)`, `viewer.claims.roles.exists(r, r == "用户")`, `now > timestamp("2026-01-01T00:00:00Z")`, `[[[`, "\xff"} {
		f.Add(rule)
	}
	v, err := viewers.New(viewers.Config{Clock: atNoon})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, rule string) {
		saved := rule != "" && v.Check(ruled(rule).ViewerPolicy) == nil
		if err := v.Entitled(t.Context(), ruled(rule), question()); err == nil && rule != "" && !saved {
			t.Errorf("rule %q: got no error, want it to deny what cannot be saved", rule)
		}
	})
}

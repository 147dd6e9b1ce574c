package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/settings"
	"playtoken/store"
)

// lastLine is the problem document that a verb ended with.
func lastLine(t *testing.T, stderr string) (p apiProblem) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &p); err != nil {
		t.Errorf("got %v and the errors\n%s\nwant a problem document on the last line", err, stderr)
	}
	return p
}

// TestErrorsAreProblemDocumentsForPrograms: on the last line of stderr, with the
// members of the API's, and stdout has none of it.
func TestErrorsAreProblemDocumentsForPrograms(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	broken := append(slices.Clip(w.environ), "PLAYTOKEN_KEY_BITS=x", "PLAYTOKEN_COLOUR=red")
	for _, c := range []struct {
		environ []string
		args    string
		want    apiProblem
		detail  string
	}{
		{w.environ, "keys show 99 -o json", apiProblem{Status: 404, Code: "not_found", ExitCode: exitFailed}, "no such key"},
		{w.environ, "keys rollback 2 --reason test -o json", apiProblem{Status: 409, Code: "conflict", ExitCode: exitRefused}, "not retiring"},
		{w.environ, "token mint counter --expires-in 1h --output=json", apiProblem{Status: 422, Code: "ttl_out_of_range", ExitCode: exitFailed}, "lifetime"},
		{w.environ, "keys show x -ojson", apiProblem{Status: 400, Code: "invalid_request", ExitCode: exitUsage}, "want a number"},
		{w.environ, "keys list --colour red --output json", apiProblem{Status: 400, Code: "invalid_request", ExitCode: exitUsage}, "unknown flag"},
		{broken, "keys list -o json", apiProblem{Status: 400, Code: "invalid_request", ExitCode: exitUsage}, "configuration: PLAYTOKEN_KEY_BITS: want a number"},
	} {
		r := w.runWith(c.environ, "", strings.Fields(c.args)...)
		got := lastLine(t, r.stderr)
		if r.code != c.want.ExitCode || r.stdout != "" || got.Status != c.want.Status || got.Code != c.want.Code || got.ExitCode != c.want.ExitCode ||
			!strings.Contains(got.Detail, c.detail) || got.Type == "" || got.Title == "" || len(got.More) > 0 {
			t.Errorf("%s: exit %d, %+v and the results %q, want %+v with %q", c.args, r.code, got, r.stdout, c.want, c.detail)
		}
		if fromAPI := c.want.Status == 404; fromAPI && (got.RequestID == "" || got.Remedy == "") {
			t.Errorf("%s: got %+v, want the id of the request, and what to do", c.args, got)
		}
	}
	r := w.runWith(broken, "", "keys", "list", "-o", "json")
	if got := lastLine(t, r.stderr).Errors; len(got) != 2 || got[0].Field != "PLAYTOKEN_KEY_BITS" || got[1].Field != "PLAYTOKEN_COLOUR" {
		t.Errorf("wrong settings: got %+v, want one error for each", got)
	}
}

// TestEveryErrorHasADocument: an error of this process has the code of the API's
// that says the same.
func TestEveryErrorHasADocument(t *testing.T) {
	for code, err := range map[string]error{
		"failed": errors.New("any"), "invalid_request": settings.Error{errors.New("X: y")}, "some_failed": someFailed{1, 2},
		"conflict": tokenRefused{[]string{"token_expired"}}, "internal": unfinished{&apiProblem{Code: "internal"}}, "signer_unavailable": fmt.Errorf("x: %w", store.ErrUnavailable),
		"platform_unavailable": &keyrotation.PlatformError{Cause: errors.New("no answer")},
	} {
		if got := documentOf(err); got.Code != code || got.Title == "" || got.ExitCode != exitCode(err) || got.Detail == "" {
			t.Errorf("documentOf(%v) = %+v, want the code %s, a title, a detail and the exit code", err, got, code)
		}
	}
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"playtoken/keyrotation"
	"playtoken/settings"
)

// printError prints why a verb failed, and what to do: for people on lines of
// their own, and with -o json as a problem document like the API's, on the last
// line of stderr. Stdout has results alone, which a program may be reading.
func (a *app) printError(err error) {
	if a.wantsJSON() {
		if line, bad := json.Marshal(documentOf(err)); bad == nil {
			fmt.Fprintf(a.stderr, "%s\n", line)
			return
		}
	}
	fmt.Fprintln(a.stderr, "playtoken:", err)
	if do := remedy(err); do != "" {
		fmt.Fprintln(a.stderr, "  ->", do)
	}
}

// wantsJSON also finds the flag behind one that cannot be parsed.
func (a *app) wantsJSON() bool {
	for i, arg := range a.args {
		switch arg {
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			if next := a.args[i+1:]; len(next) > 0 && next[0] == "json" {
				return true
			}
		}
	}
	return false
}

// localProblems are the problems that the API has no document of, by the exit
// code.
var localProblems = map[int]apiProblem{
	exitFailed:     {Status: http.StatusInternalServerError, Code: "failed"},
	exitUsage:      {Status: http.StatusBadRequest, Code: "invalid_request"},
	exitSomeFailed: {Status: http.StatusMultiStatus, Code: "some_failed"},
	exitRefused:    {Status: http.StatusConflict, Code: "conflict"},
	exitDown:       {Status: http.StatusServiceUnavailable, Code: "signer_unavailable"},
}

// documentOf is the problem document of an error: the API's own, if there is one.
func documentOf(err error) apiProblem {
	code := exitCode(err)
	p := localProblems[code]
	p.Detail = err.Error()
	api, ok := errors.AsType[*apiProblem](err)
	switch {
	case ok && api.Status > 0:
		p = *api
	case ok: // the problem behind an unfinished act, which has a status of success
		p.Code, p.NeedsOperator = api.Code, api.NeedsOperator
	}
	p.Type, p.Title = cmp.Or(p.Type, "about:blank"), cmp.Or(p.Title, http.StatusText(p.Status))
	if _, ok := errors.AsType[*keyrotation.PlatformError](err); ok && code == exitDown {
		p.Code = "platform_unavailable"
	}
	if problems, ok := errors.AsType[settings.Error](err); ok {
		p.Detail = strings.Join(strings.Fields(err.Error()), " ")
		p.Errors = fieldsOf(problems)
	}
	p.Remedy, p.ExitCode = remedy(err), code
	return p
}

// fieldsOf lists the settings that are wrong.
func fieldsOf(problems settings.Error) (fields []fieldProblem) {
	for _, problem := range problems {
		if name, detail, ok := strings.Cut(problem.Error(), ": "); ok && !strings.Contains(name, " ") {
			fields = append(fields, fieldProblem{Field: name, Detail: detail})
		}
	}
	return slices.Clip(fields)
}

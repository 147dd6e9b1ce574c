package service

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"playtoken/handlers"
	"playtoken/projects"
	"playtoken/secret"
)

// TestAPlatformsAnswerAboutAnAccountIsToldInWords: what a person has to mend is told
// apart, and no answer has the credential in it.
func TestAPlatformsAnswerAboutAnAccountIsToldInWords(t *testing.T) {
	s, made := newService(t)
	const credential = "a-credential-of-some-length"
	answering := func(status int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		project projects.Project
		want    handlers.AccountOutcome
		says    string
	}{
		"wrong credential": {vidbeoOf(answering(401, `{"success":false}`), credential), handlers.AccountRefused, "does not accept the credential"},
		"too few rights":   {vidbeoOf(answering(403, `{"success":false,"errors":[{"message":"`+credential+` may not"}]}`), credential), handlers.AccountForbidden, "too few rights"},
		"wrong address":    {vidbeoOf(answering(404, ``), credential), handlers.AccountNotFound, "check the id and the address"},
		"throttled":        {vidbeoOf(answering(429, ``), credential), handlers.AccountThrottled, "no more calls"},
		"out of order":     {vidbeoOf(answering(502, ``), credential), handlers.AccountUnreachable, "does not respond"},
		"nothing there":    {vidbeoOf(gone.URL, credential), handlers.AccountUnreachable, "does not respond"},
		"another site":     {vidbeoOf(answering(200, `<html>`), credential), handlers.AccountUnclear, "not as the platform would"},
		"a redirect":       {vidbeoOf(answering(302, ``), credential), handlers.AccountUnclear, "not as the platform would"},
		"wrong site id":    {jwAt(answering(404, `{"errors":[{"code":"not_found","description":"no such site"}]}`), credential), handlers.AccountNotFound, "no such site"},
		"no call for it":   {projects.Project{Platform: "jwplayer", Credential: map[string]secret.Value{"signing_secret": secret.New(credential)}}, handlers.AccountUnasked, "make a token"},
		"a gate":           {vidbeoOf(made.Settings["url"]+"/v2", gateKey), handlers.AccountWrongKind, "the platform is gate"},
	} {
		got, err := s.examineAccount(t.Context(), c.project)
		if err != nil || got.Outcome != c.want || !strings.Contains(got.Detail, c.says) || strings.Contains(got.Detail, credential) {
			t.Errorf("%s: got %+v, %v, want %s with %q and no credential", name, got, err, c.want, c.says)
		}
	}
}

func vidbeoOf(url, credential string) projects.Project {
	return projects.Project{Platform: "vidbeo", Settings: map[string]string{"url": url}, Credential: map[string]secret.Value{"api_key": secret.New(credential)}}
}

func jwAt(url, credential string) projects.Project {
	return projects.Project{Platform: "jwplayer", Settings: map[string]string{"url": url, "site_id": "abcd1234"},
		Credential: map[string]secret.Value{"signing_secret": secret.New(credential), "api_secret": secret.New(credential)}}
}

// TestACredentialOfAnotherAccountIsFoundBeforeItIsSaved: the platform accepts it,
// and does not have the active key.
func TestACredentialOfAnotherAccountIsFoundBeforeItIsSaved(t *testing.T) {
	s, _ := newService(t)
	withActiveKey(t, s, projects.Default)
	p, err := s.Projects.Project(t.Context(), projects.Default)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.examineAccount(t.Context(), p); err != nil || got.Outcome != handlers.AccountAccepted {
		t.Errorf("the project's own account: got %+v, %v, want it accepted", got, err)
	}
	p.Settings = map[string]string{"url": startGate(t)}
	if got, err := s.examineAccount(t.Context(), p); err != nil || got.Outcome != handlers.AccountOther || !strings.Contains(got.Detail, "does not show the active key") {
		t.Errorf("another gate: got %+v, %v, want to be told that it is another account", got, err)
	}
}

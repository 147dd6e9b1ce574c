package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"playtoken/handlers"
)

func TestPeopleSeeWhichProjectAnAnswerIsAbout(t *testing.T) {
	fine, broken := rotatedView{"project_a", handlers.Rotated{Reason: "nothing is due"}}, failedView{"project_b", "it is down"}
	var text bytes.Buffer
	answer([]tabled{fine, broken}, []string{"project_a", "project_b"}, "").table(&text)
	want := "project project_a:\nnothing changed: nothing is due\nnext action: -\nproject project_b:\nfailed: it is down\n"
	if text.String() != want {
		t.Errorf("of two:\n%s", &text)
	}
	for _, only := range []string{"", "project_a"} { // one answer needs no heading
		text.Reset()
		answer([]tabled{fine}, []string{"project_a"}, only).table(&text)
		if !strings.HasPrefix(text.String(), "nothing changed") {
			t.Errorf("of one, asked for %q:\n%s", only, &text)
		}
	}
}

func TestTheRecordsReportIsSpeltAsEverythingElse(t *testing.T) {
	data, err := json.Marshal(auditView{Lines: 3, Bad: 4, Problem: "altered"})
	if err != nil || !strings.HasPrefix(string(data), `{"lines":3,"chains":0,"bad":4,"problem":"altered",`) {
		t.Errorf("%s, %v", data, err)
	}
}

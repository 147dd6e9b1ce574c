package service

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
)

// toldLines are the lines of a log, each as "level message project code".
func toldLines(log *bytes.Buffer) string {
	var all []string
	for line := range strings.Lines(log.String()) {
		field := map[string]string{}
		for word := range strings.FieldsSeq(strings.ReplaceAll(line, `"finding is over"`, "over")) {
			name, value, _ := strings.Cut(word, "=")
			field[name] = value
		}
		all = append(all, fmt.Sprintf("%s %s %s %s", field["level"], field["msg"], field["project"], field["code"]))
	}
	log.Reset()
	return strings.Join(all, ", ")
}

func newTroubleLog() (*troubleLog, *bytes.Buffer) {
	text := &bytes.Buffer{}
	l := &troubleLog{log: slog.New(slog.NewTextHandler(text, nil)), known: map[string][]toldTrouble{}}
	l.speak.Store(true)
	return l, text
}

func TestTheLogIsToldOnceThenEachHourAndOnceMoreAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, text := newTroubleLog()
		missing := keyrotation.Trouble{Code: keyrotation.KeyIsMissing, Generation: 1}
		foreign := keyrotation.Trouble{Code: keyrotation.KeyIsUnmanaged, KeyID: "id9"}
		for _, step := range []struct {
			after time.Duration
			found []keyrotation.Trouble
			want  string
		}{
			{0, nil, ""},
			{0, []keyrotation.Trouble{missing, foreign}, "ERROR finding a key_missing, WARN finding a key_unmanaged"},
			{time.Minute, []keyrotation.Trouble{missing, foreign}, ""},
			{58 * time.Minute, []keyrotation.Trouble{missing, foreign}, ""},
			{time.Minute, []keyrotation.Trouble{missing, foreign}, "ERROR finding a key_missing"},
			{59 * time.Minute, []keyrotation.Trouble{missing, foreign}, ""},
			{time.Minute, []keyrotation.Trouble{missing, foreign}, "ERROR finding a key_missing"},
			{time.Minute, []keyrotation.Trouble{foreign}, "INFO over a key_missing"},
			{time.Minute, nil, "INFO over a key_unmanaged"},
			{time.Minute, []keyrotation.Trouble{missing}, "ERROR finding a key_missing"},
		} {
			time.Sleep(step.after)
			l.tell("a", step.found)
			if got := toldLines(text); got != step.want {
				t.Errorf("after %s with %v: got %q, want %q", step.after, step.found, got, step.want)
			}
		}
	})
}

func TestTheLogOfOneProjectSaysNothingOfAnother(t *testing.T) {
	l, text := newTroubleLog()
	clock := []keyrotation.Trouble{{Code: keyrotation.ClockApart}}
	l.tell("a", clock)
	l.tell("b", clock)
	l.tell("b", nil)
	if got, want := toldLines(text), "ERROR finding a clock_apart, ERROR finding b clock_apart, INFO over b clock_apart"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l.forget("a")
	if n := len(l.known); n != 0 {
		t.Errorf("got %d projects known after one was deleted and the other is well, want none", n)
	}
}

// A verb prints what it finds, and does not log it too.
func TestALogThatDoesNotSpeakIsToldNothing(t *testing.T) {
	l, text := newTroubleLog()
	l.speak.Store(false)
	l.tell("a", []keyrotation.Trouble{{Code: keyrotation.ClockApart}})
	if got := toldLines(text); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

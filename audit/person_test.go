package audit_test

import (
	"bytes"
	"testing"

	"playtoken/audit"
)

// TestAPersonReadsTheRecord: one line for each act, in which nothing controls the
// terminal.
func TestAPersonReadsTheRecord(t *testing.T) {
	var out bytes.Buffer
	l := audit.ToTerminal(&out, key)
	for _, e := range []audit.Entry{
		{Actor: "cli", ActorName: "ann", Action: "project.create", Result: "intent"},
		{Actor: "cli", ActorName: "ann", Action: "project.create", Subject: "project_1", Result: "ok"},
		{Actor: "scheduler", Action: "signing_key.active", Subject: "2", Project: "default", Result: "failed", Reason: "\x1b[2Jdue"},
	} {
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, l)
	want := "on record: project.create project_1 by cli (ann): ok\n" +
		"on record: signing_key.active 2 in default by scheduler: failed (\uFFFD[2Jdue)\n"
	if got := out.String(); got != want {
		t.Errorf("got the lines\n%s\nwant\n%s", got, want)
	}
}

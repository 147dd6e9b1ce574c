package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/handlers"
	"playtoken/platforms"
	"playtoken/store"
)

func TestPeopleSeeWhichProjectAResultIsAbout(t *testing.T) {
	fine := outcome{id: "project_a", view: rotatedView{ProjectID: "project_a", Rotated: handlers.Rotated{Reason: "nothing is due"}}}
	broken := outcome{id: "project_b", err: errors.New("it is down")}
	var text bytes.Buffer
	viewOf([]outcome{fine, broken}, false).table(&text)
	want := "project project_a:\nnothing changed: nothing is due\nnext action: -\nproject project_b:\nfailed: it is down\n"
	if text.String() != want {
		t.Errorf("table of two projects:\n%swant\n%s", &text, want)
	}
	for _, named := range []bool{false, true} { // one result needs no heading
		text.Reset()
		viewOf([]outcome{fine}, named).table(&text)
		if !strings.HasPrefix(text.String(), "nothing changed") {
			t.Errorf("table of one project, named %t:\n%swant no heading", named, &text)
		}
	}
}

func TestTheAuditReportHasMembersInSnakeCase(t *testing.T) {
	data, err := json.Marshal(auditView{Lines: 3, Bad: 4, Problem: "altered"})
	if err != nil || !strings.HasPrefix(string(data), `{"lines":3,"chains":0,"bad":4,"problem":"altered",`) {
		t.Errorf("audit report = %s, %v, want members in snake case, zeros included", data, err)
	}
}

// TestALastUseIsShownNoMoreExactlyThanItIsKnown: it is stored once a minute.
func TestALastUseIsShownNoMoreExactlyThanItIsKnown(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		0: "within two minutes", 119 * time.Second: "within two minutes", 2*time.Minute + time.Second: "about 2m ago",
		26*time.Hour + 5*time.Minute + time.Second: "about 26h5m ago", 49 * time.Hour: "about 2 days ago",
	} {
		if got := age(ago); got != want {
			t.Errorf("%s ago: got %q, want %q", ago, got, want)
		}
	}
	if got := cell("last_used_at", nil); got != "-" {
		t.Errorf("no use was stored: got %v, want -", got)
	}
}

func TestPlatformsAreShownAsWhatToTypeAndWhatToExpect(t *testing.T) {
	longest, most := int64(86400), 3
	can := handlers.KindCapabilities{Ways: []platforms.Way{platforms.HandedOver, platforms.Carried}, KeyKinds: []store.Kind{store.RSA2048}, MaxKeys: &most, MaxTTL: &longest}
	can.EndsSessions = true
	var out strings.Builder
	platformsView{handlers.PlatformList{Items: []handlers.PlatformKind{
		{Name: "one", Capabilities: can, Members: []handlers.PlatformMember{{Name: "url", Required: true, Meaning: "where it is"}, {Name: "api_key", Secret: true, Meaning: "of it"}}},
		{Name: "two"},
	}}}.table(&out)
	for _, want := range []string{
		"one\t--setting\turl\tyes\twhere it is\n", "one\t--credential\tapi_key\t-\tof it\n",
		"one\thanded over, carried\trsa-2048\t3\t86400 s\tyes\n", "two\t-\t-\t-\t-\t-\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got the table\n%swant the row %q", out.String(), want)
		}
	}
}

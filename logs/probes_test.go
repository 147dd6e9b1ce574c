package logs_test

import (
	"testing"
	"time"

	"playtoken/logs"
)

func TestTheLogIsToldOfReadinessWhenItChangesAndNowAndThen(t *testing.T) {
	var p logs.Probes
	began := time.Now()
	for i, c := range []struct {
		after time.Duration
		code  string
		want  bool
	}{
		{0, "", false},
		{time.Second, "unavailable", true},
		{2 * time.Second, "unavailable", false},
		{10 * time.Minute, "unavailable", false},
		{10*time.Minute + time.Second, "unavailable", true},
		{10*time.Minute + 2*time.Second, "unavailable", false},
		{10*time.Minute + 3*time.Second, "no_active_key", true},
		{10*time.Minute + 4*time.Second, "", true},
		{time.Hour, "", false},
		{time.Hour, "no_active_key", true},
	} {
		if got := p.News(c.code, began.Add(c.after)); got != c.want {
			t.Errorf("probe %d, %q after %s: got news %t, want %t", i, c.code, c.after, got, c.want)
		}
	}
}

package durations

import (
	"math"
	"testing"
	"time"
)

func TestDurationsAreWrittenAsPeopleDo(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]struct{ text, about string }{
		0:                             {"0 s", "0 s"},
		time.Nanosecond:               {"0 s", "0 s"},
		250 * time.Millisecond:        {"250 ms", "250 ms"},
		1500 * time.Millisecond:       {"1 s 500 ms", "1 s 500 ms"},
		200 * time.Second:             {"3 min 20 s", "3 min 20 s"},
		time.Hour:                     {"1 hour", "1 hour"},
		12 * time.Hour:                {"12 hours", "12 hours"},
		90 * time.Minute:              {"1 hour 30 min", "1 hour 30 min"},
		720 * time.Hour:               {"30 days", "30 days"},
		day + time.Hour + time.Second: {"1 day 1 hour 1 s", "1 day 1 hour"},
		2*day + 5*time.Minute:         {"2 days 5 min", "2 days"},
		-90 * time.Second:             {"-1 min 30 s", "-1 min 30 s"},
	} {
		if got := Text(d); got != want.text {
			t.Errorf("Text(%s) = %q, want %q", d, got, want.text)
		}
		if got := About(d); got != want.about {
			t.Errorf("About(%s) = %q, want %q", d, got, want.about)
		}
	}
	if got := Text(math.MinInt64); got[:1] != "-" {
		t.Errorf("Text of the smallest duration = %q, want a negative one", got)
	}
}

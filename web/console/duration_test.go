package console

import "testing"

func TestDurationsAreTypedAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]int64{
		"90": 90, "0": 0, "0s": 0, "45s": 45, "10m": 600, "1h30m": 5400, "1 h 30 m": 5400, "30d": 2592000, "720h": 2592000, "1d12h": 129600,
		"": -1, "m": -1, "-1m": -1, "1.5h": -1, "1m1h": -1, "10x": -1, "1h30": -1, "1h1h": -1, "99999999999999d": -1,
	} {
		got, err := parseDuration(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
}

func FuzzDurations(f *testing.F) {
	for _, text := range []string{"1h30m", "30d", "90", "0s", "1d1d", "h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seconds, err := parseDuration(text)
		if err != nil {
			return
		}
		if again, err := parseDuration(spelled(seconds)); err != nil || again != seconds || seconds < 0 {
			t.Errorf("%q is %d, and %q is %d, %v; want them equal", text, seconds, spelled(seconds), again, err)
		}
	})
}

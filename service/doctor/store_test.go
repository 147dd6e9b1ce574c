package doctor

import (
	"testing"
	"time"
)

func TestASlowAnswerIsNotAClockThatIsOff(t *testing.T) {
	asked := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	answered := asked.Add(10 * time.Second)
	for _, c := range []struct {
		theirs time.Time
		want   time.Duration
	}{
		{asked, 0},
		{asked.Add(4 * time.Second), 0},
		{answered, 0},
		{asked.Add(-time.Hour), time.Hour},
		{answered.Add(time.Hour), -time.Hour},
	} {
		if got := apart(c.theirs, asked, answered); got != c.want {
			t.Errorf("apart(%s) = %s, want %s", c.theirs, got, c.want)
		}
	}
}

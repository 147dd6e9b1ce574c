package lint

import (
	"math"
	"strconv"
	"time"

	"playtoken/durations"
)

// Times that no one means: a claim beyond them is in another unit.
const (
	farAway = 50 * 365 * 24 * time.Hour
	// nearEnd is within what clocks that are not synchronized differ.
	nearEnd = 5 * time.Minute
	// dated is how far back the makers of tokens date them at most.
	dated = 2 * time.Minute
)

// judgeTimes looks at exp, iat and nbf.
func (f *finder) judgeTimes() {
	expires, known := f.time("exp", true)
	issued, hasIssued := f.time("iat", false)
	begins, hasBegin := f.time("nbf", false)
	if !hasIssued {
		issued = f.at
	}
	if known {
		f.judgeEnd(expires, issued)
	}
	if hasBegin && known && !begins.Before(expires) {
		f.add("never_valid", `"nbf" is not before "exp": the token is good at no time`)
	}
	if hasIssued {
		f.judgeBegin("iat", issued)
	}
	if hasBegin {
		f.judgeBegin("nbf", begins)
	}
}

func (f *finder) judgeBegin(name string, at time.Time) {
	if ahead := at.Sub(f.at); ahead > 0 {
		f.add("from_the_future", "%q is %s ahead: synchronize the clock of what makes the tokens, and date %q back by a minute", name, durations.About(ahead), name)
	}
}

// judgeEnd looks at when a token ends.
func (f *finder) judgeEnd(expires, issued time.Time) {
	since := f.at.Sub(expires)
	life := expires.Sub(issued)
	switch {
	case since >= 0 && life > 0 && since <= nearEnd:
		f.add("just_expired", "the token expired %s before: ask for the next one before the end, or compare the clocks if it was fresh", durations.About(since))
	case life <= 0 && since < 0:
		f.add("never_valid", `"exp" is not after "iat": the token is good at no time`)
	case f.want.MaxTTL > 0 && life > f.want.MaxTTL+dated:
		f.add("life_too_long", "the token lives for %s, and the project's keys are kept for tokens of up to %s: after a rotation it is refused before its end, so make it shorter and renew it", durations.About(life), durations.About(f.want.MaxTTL))
	}
}

// time reads a claim that is a time, and says what is wrong with one that is not.
func (f *finder) time(name string, required bool) (at time.Time, known bool) {
	value, there := f.claims[name]
	switch value := value.(type) {
	case float64:
		return f.seconds(name, value)
	case string:
		f.timeAsText(name, value)
	default:
		if there {
			f.add("time_not_number", "%q is not a number: write whole seconds since 1970", name)
		} else if required {
			f.add("exp_missing", `the token has no "exp": set it to the end in whole seconds since 1970, because a token without one is good for ever, or refused`)
		}
	}
	return time.Time{}, false
}

// units are what times are counted in by mistake, in parts of a second.
var units = []struct {
	name  string
	parts float64
}{{"milliseconds", 1e3}, {"microseconds", 1e6}, {"nanoseconds", 1e9}}

// seconds is a time that is written as a number, if it is in seconds.
func (f *finder) seconds(name string, value float64) (at time.Time, known bool) {
	if f.near(value) {
		if value != math.Trunc(value) {
			f.add("time_not_whole", "%q has a fraction: round it down to whole seconds", name)
		}
		return time.Unix(int64(value), 0), true
	}
	for _, unit := range units {
		if f.near(value / unit.parts) {
			f.add("time_in_other_unit", "%q is in %s: divide it by %.0f, because tokens count whole seconds", name, unit.name, unit.parts)
			return time.Time{}, false
		}
	}
	if name == "exp" && value > 0 && value < farAway.Seconds()/2 {
		f.add("exp_is_a_duration", `"exp" is how long the token lives: set it to the time of its end, in whole seconds since 1970`)
		return time.Time{}, false
	}
	f.add("time_far_away", "%q is no time of these decades: write whole seconds since 1970", name)
	return time.Time{}, false
}

// near reports whether so many seconds since 1970 are a time that is meant.
func (f *finder) near(seconds float64) bool {
	return math.Abs(seconds-float64(f.at.Unix())) < farAway.Seconds() && seconds > farAway.Seconds()/2
}

func (f *finder) timeAsText(name, value string) {
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		f.add("time_in_quotes", "%q is a text: write the number without quotes", name)
		return
	}
	f.add("time_not_number", "%q is a text: write whole seconds since 1970, as a number", name)
}

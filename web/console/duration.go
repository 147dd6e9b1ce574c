package console

import (
	"errors"
	"strconv"
	"strings"
)

// spellings are the units that a duration is typed in, the largest first, in seconds.
var spellings = []struct {
	unit    string
	seconds int64
}{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}}

// spelled is a number of seconds as a person types it: 90 m is "1h30m".
func spelled(seconds int64) string {
	if seconds == 0 {
		return "0s"
	}
	var text strings.Builder
	for _, one := range spellings {
		if n := seconds / one.seconds; n != 0 {
			text.WriteString(strconv.FormatInt(n, 10) + one.unit)
			seconds -= n * one.seconds
		}
	}
	return text.String()
}

// mostSeconds is more than any setting allows, and far from an overflow.
const mostSeconds = 1 << 40

var errNoDuration = errors.New(`is no duration: write it as 30d, 12h, 90m or 45s, or together, as 1h30m; a number alone is in seconds`)

// parseDuration reads a duration as spelled writes it; a number alone is in seconds.
func parseDuration(text string) (seconds int64, err error) {
	text = strings.ReplaceAll(text, " ", "")
	if n, err := strconv.ParseUint(text, 10, 40); err == nil {
		return int64(n), nil
	}
	for _, one := range spellings {
		before, after, found := strings.Cut(text, one.unit)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(before, 10, 40)
		if err != nil || int64(n) > mostSeconds/one.seconds {
			return 0, errNoDuration
		}
		seconds, text = seconds+int64(n)*one.seconds, after
		if text == "" {
			return seconds, nil
		}
	}
	return 0, errNoDuration
}

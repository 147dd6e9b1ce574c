// Package logs makes the logger of a process, says which requests are logged, and
// reads the ids by which the logs of several programs are joined.
//
// The decision a newcomer would get wrong: a request's own id is never the client's.
// What a client or a proxy calls a request is noted beside it, because a client that
// chose the id could make two requests look like one.
package logs

import (
	"io"
	"log/slog"
	"time"
)

// The forms of a log.
const (
	JSON = "json"
	Text = "text" // for people
)

// Config is how a process logs.
type Config struct {
	Format string // JSON or Text
	Level  slog.Level
}

// New returns the logger of a process. Every line is one write to w, and durations
// in it are readable.
func New(w io.Writer, config Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: config.Level, ReplaceAttr: readable}
	if config.Format == Text {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// readable writes a duration as 3.5ms, where JSON would have its nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(Rounded(a.Value.Duration()).String())
	}
	return a
}

// Rounded is a duration with two or three digits, as people read it.
func Rounded(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d.Abs() >= unit {
			return d.Round(unit / 10)
		}
	}
	return d
}

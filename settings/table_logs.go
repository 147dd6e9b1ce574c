package settings

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
)

// Log is how a process logs.
type Log struct {
	Format   string // "json" or "text"; "": as the verb has it
	Level    slog.Level
	Requests RequestLog
}

// RequestLog is which requests are logged, beside those after which the
// operator has something to mend.
type RequestLog struct {
	Refusals   bool   // every response that is not what was asked for
	Management bool   // every request of a route that manages something
	OneOf      uint64 // one of so many requests; 0: not one, 1: every request
}

func (l *Log) rows() []variable {
	return []variable{
		{parse: logLevel(&l.Level), Setting: Setting{Name: "PLAYTOKEN_LOG_LEVEL", Default: "info", UsedBy: byRecord,
			Meaning: "The least that is logged: `debug`, `info`, `warn` or `error`"}},
		{parse: oneOf(&l.Format, "json", "text"), Setting: Setting{Name: "PLAYTOKEN_LOG_FORMAT", UsedBy: byRecord,
			Meaning: "`json`, or `text` for people. Unset: json for serve and gate, text for other verbs"}},
		{parse: requestLog(&l.Requests), Setting: Setting{Name: "PLAYTOKEN_LOG_REQUESTS", Default: "management", UsedBy: byListeners,
			Meaning: "Which requests the log has: `management` (what was refused or failed, and every request that manages something), `errors` (only what was refused or failed), `all`, `none`, or a part of them such as `1/100`. Failures, and videos that cannot be served, are always logged"}},
	}
}

// LogOf returns how a verb logs that a person runs, where the settings about that can
// be read. What is wrong with them is reported when all settings are read.
func LogOf(environ []string) Log {
	var l Log
	_, _ = environment(Variables(environ)).parse(l.rows())
	return l
}

func logLevel(to *slog.Level) parser {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	return func(s string) error {
		level, known := levels[s]
		if !known {
			return errors.New("want debug, info, warn or error")
		}
		*to = level
		return nil
	}
}

// requestLog is a word, or one of how many requests is logged.
func requestLog(to *RequestLog) parser {
	words := map[string]RequestLog{
		"all": {Refusals: true, Management: true, OneOf: 1}, "management": {Refusals: true, Management: true}, "errors": {Refusals: true}, "none": {},
	}
	return func(s string) error {
		word, isWord := words[s]
		if isWord {
			*to = word
			return nil
		}
		many, isPart := strings.CutPrefix(s, "1/")
		n, err := strconv.ParseUint(many, 10, 32)
		if !isPart || err != nil || n == 0 {
			return errors.New("want management, errors, all, none, or a part such as 1/100")
		}
		*to = RequestLog{OneOf: n}
		return nil
	}
}

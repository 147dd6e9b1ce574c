package logs_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"playtoken/logs"
)

func TestDurationsAreReadable(t *testing.T) {
	for took, want := range map[time.Duration]string{
		3529712: "3.5ms", 1500 * time.Microsecond: "1.5ms", time.Minute: "1m0s", 750: "750ns", 0: "0s",
		90*time.Second + 123*time.Millisecond: "1m30.1s", -2345 * time.Millisecond: "-2.3s", 45678: "45.7µs", 999_999_999: "1s",
	} {
		for _, format := range []string{logs.JSON, logs.Text} {
			var out bytes.Buffer
			logs.New(&out, logs.Config{Format: format}).Info("done", "took", took, slog.Group("of", "all", took))
			if got := strings.Count(out.String(), want); got < 2 {
				t.Errorf("%s as %s: got %s want %s twice", took, format, out.String(), want)
			}
		}
	}
}

func TestTheLevelIsObeyed(t *testing.T) {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	for i, from := range levels {
		var out bytes.Buffer
		log := logs.New(&out, logs.Config{Format: logs.Text, Level: from})
		for _, level := range levels {
			log.Log(t.Context(), level, "line")
		}
		if got, want := strings.Count(out.String(), "\n"), len(levels)-i; got != want {
			t.Errorf("level %s: got %d lines, want %d:\n%s", from, got, want, out.String())
		}
	}
}

package logs_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/logs"
)

func TestTheLogSaysWhyAServerStopsAndHowLongThatTook(t *testing.T) {
	signal, broken := errors.New("terminated signal received"), errors.New("serve: broken")
	for _, c := range []struct {
		name       string
		cause, err error
		want       string
	}{
		{"signal", signal, nil, "level=INFO msg=stopping why=\"terminated signal received\"\nlevel=INFO msg=stopped why=\"terminated signal received\" took=1.5s\n"},
		{"signal, then trouble", signal, broken,
			"level=INFO msg=stopping why=\"terminated signal received\"\nlevel=ERROR msg=stopped why=\"terminated signal received\" took=1.5s error=\"serve: broken\"\n"},
		{"trouble", nil, broken, "level=ERROR msg=stopped why=\"serve: broken\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				ctx, stop := context.WithCancelCause(t.Context())
				stopped := logs.Serving(ctx, logs.New(&out, logs.Config{Format: logs.Text}))
				if c.cause != nil {
					stop(c.cause)
					synctest.Wait()
					time.Sleep(1500 * time.Millisecond)
				}
				stopped(c.err)
				stop(nil)
				got := regexp.MustCompile(`time=\S+ `).ReplaceAllString(out.String(), "")
				if got != c.want {
					t.Errorf("got the log\n%s\nwant\n%s", got, c.want)
				}
			})
		})
	}
}

package terminal

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestATerminalSaysThatAVerbIsAtWork after two seconds, below what is logged, and
// takes it back at the end.
func TestATerminalSaysThatAVerbIsAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr, stdout bytes.Buffer
		lines := NewLines(&stderr)
		done := lines.Working("playtoken rotate")
		wait := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		wait(1900 * time.Millisecond)
		lines.mu.Lock()
		if stderr.Len() > 0 {
			t.Errorf("before two seconds: got %q, want nothing", &stderr)
		}
		lines.mu.Unlock()
		wait(200 * time.Millisecond)
		fmt.Fprint(lines, "a log line\n")
		if _, err := lines.WriteTo(&stdout, []byte("a result\n")); err != nil {
			t.Error(err)
		}
		wait(time.Second)
		done()
		done() // again changes nothing
		const two, three = "playtoken rotate: at work for 2 s", "playtoken rotate: at work for 3 s"
		want := Erase + two + Erase + "a log line\n" + two + Erase + two + Erase + three + Erase
		if stderr.String() != want || stdout.String() != "a result\n" {
			t.Errorf("got %q and the result %q, want %q", &stderr, &stdout, want)
		}
	})
}

func TestWhatIsDoneSoonSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		done := NewLines(&stderr).Working("playtoken keys list")
		time.Sleep(1999 * time.Millisecond)
		if done(); stderr.Len() > 0 {
			t.Errorf("got %q, want nothing", &stderr)
		}
	})
}

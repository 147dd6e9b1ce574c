package docs_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func trim(b []byte) []byte { return bytes.TrimSpace(b) }

func readNext(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(scriptKey{}).(*script)
	c, err := s.pages.at(args[0])
	ts.Check(err)
	s.page = c
}

func replace(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("with: got %d arguments, want OLD NEW", len(args))
	}
	s := ts.Value(scriptKey{}).(*script)
	s.replace = append(args, s.replace...) // the newest goes first
}

// command is the page's next command with this beginning, as it will be run.
func command(ts *testscript.TestScript, prefix string) string {
	s := ts.Value(scriptKey{}).(*script)
	if s.page == nil {
		ts.Fatalf("%q: got no page before it, want one", prefix)
	}
	i, err := s.page.next(prefix)
	ts.Check(err)
	return strings.NewReplacer(s.replace...).Replace(s.page.page.commands[i])
}

// paste runs a command that has to succeed or, with neg, to fail.
func paste(ts *testscript.TestScript, neg bool, args []string) {
	text, err := pasted(ts, args)
	if neg == (err == nil) {
		ts.Fatalf("%q ended with %v, want failure: %t", text, err, neg)
	}
}

// pasted runs a command as a shell does, exports included.
func pasted(ts *testscript.TestScript, args []string) (text string, err error) {
	if len(args) != 1 {
		ts.Fatalf("got %d arguments, want the beginning of a command", len(args))
	}
	text = command(ts, args[0])
	work := ts.Getenv("WORK")
	before, after, file := filepath.Join(work, ".before"), filepath.Join(work, ".after"), filepath.Join(work, ".pasted.sh")
	ts.Check(os.WriteFile(file, []byte("set -euo pipefail\nenv -0 > "+before+"\n"+text+"\nenv -0 > "+after+"\n"), 0o600))
	ts.Logf("$ %s", text)
	err = ts.Exec("bash", file)
	var ended *exec.ExitError
	if s := ts.Value(scriptKey{}).(*script); errors.As(err, &ended) {
		s.code = ended.ExitCode()
	} else if s.code = 0; err != nil {
		s.code = -1
	}
	if err != nil {
		return text, err
	}
	ts.Check(export(ts, before, after))
	return text, nil
}

// code checks how the last command ended.
func code(ts *testscript.TestScript, _ bool, args []string) {
	if got := ts.Value(scriptKey{}).(*script).code; len(args) != 1 || strconv.Itoa(got) != args[0] {
		ts.Fatalf("the last command ended with %d, want %v", got, args)
	}
}

// export carries what a command exported, and unset, over to the next.
func export(ts *testscript.TestScript, before, after string) error {
	was, err := readEnvironment(before)
	if err != nil {
		return err
	}
	is, err := readEnvironment(after)
	if err != nil {
		return err
	}
	for name, value := range is {
		if value != was[name] {
			ts.Setenv(name, value)
		}
	}
	maps.DeleteFunc(was, func(name, _ string) bool { _, kept := is[name]; return kept })
	for name := range was {
		ts.Setenv(name, "")
	}
	return nil
}

func readEnvironment(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	env := map[string]string{}
	for entry := range strings.SplitSeq(string(data), "\x00") {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "_" && name != "SHLVL" {
			env[name] = value
		}
	}
	return env, err
}

// start runs a command that serves until the script ends.
func start(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("start: got %d arguments, want NAME REGEXP PREFIX", len(args))
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	text := command(ts, args[2])
	env := filepath.Join(ts.Getenv("WORK"), ".before")
	ts.Check(ts.Exec("bash", "-c", "env -0 > "+env))
	vars, err := readEnvironment(env)
	ts.Check(err)
	cmd := exec.Command("bash", "-c", "exec "+text)
	cmd.Dir = ts.MkAbs(".")
	for name, value := range vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	seen := &output{changed: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = seen, seen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run has a child
	cmd.WaitDelay = 20 * time.Second
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ts.Defer(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended
		<-ended
	})
	for {
		if found := re.FindStringSubmatch(seen.String()); found != nil {
			ts.Setenv(args[0], found[1])
			_, err := io.WriteString(ts.Stdout(), seen.String())
			ts.Check(err)
			return
		}
		select {
		case <-seen.changed:
		case err := <-ended:
			ended <- err
			ts.Fatalf("%q ended with %v before its output fits %q:\n%s", text, err, args[1], seen.String())
		case <-time.After(2 * time.Minute):
			ts.Fatalf("%q: got no output that fits %q, want it:\n%s", text, args[1], seen.String())
		}
	}
}

// output collects what a process writes.
type output struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	changed chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// take finds something in the output of the last command.
func take(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	found := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("got no output that fits %q, want it:\n%s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found[1])
}

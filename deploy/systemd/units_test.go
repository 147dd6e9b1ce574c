// Package systemd_test has systemd's own tools check the units, and runs what they
// start under the rules that they set.
//
// The decision a newcomer would get wrong: no test needs a running systemd, which
// containers have not. What its filter of system calls would refuse is found by
// tracing the program.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"playtoken/settings"
)

// services are the units that run the program.
var services = []string{"playtoken.service", "playtoken-gate.service", "playtoken-rotate.service"}

// most is the exposure, as systemd counts it from 0 to 10, that a unit may have.
const most = 2.5

// tool finds a program of systemd, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT CHECKED: the units of deploy/systemd, because %s is missing (apt-get install systemd)", name)
	}
	return path
}

// read returns a file of this folder.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestUnitsAreHardened(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	for _, unit := range services {
		out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", "./"+unit).CombinedOutput()
		found := level.FindStringSubmatch(string(out))
		if err != nil || found == nil {
			t.Fatalf("systemd-analyze security %s = %v, %s; want an exposure level", unit, err, out)
		}
		if got, err := strconv.ParseFloat(found[1], 64); err != nil || got >= most {
			t.Errorf("%s: got the exposure %s, want less than %.1f:\n%s", unit, found[1], most, out)
		}
	}
}

// TestUnitsAreAccepted has systemd load them, with another program in the place of
// ours, which this machine has not where the units look for it.
func TestUnitsAreAccepted(t *testing.T) {
	analyze, dir := tool(t, "systemd-analyze"), t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, unit := range append(services, "playtoken-rotate.timer") {
		copied := filepath.Join(dir, unit)
		text := strings.ReplaceAll(read(t, unit), "/usr/bin/playtoken", "/bin/true")
		if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, copied)
	}
	dropIn := filepath.Join(dir, "playtoken.service.d")
	if err := os.Mkdir(dropIn, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dropIn, "credentials.conf"), []byte(read(t, "credentials.conf")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze verify = %v, %s; want no complaint about our files", err, out)
	}
}

// TestUsersAndFoldersAreMade in a file system of its own.
func TestUsersAndFoldersAreMade(t *testing.T) {
	users, files, top := tool(t, "systemd-sysusers"), tool(t, "systemd-tmpfiles"), t.TempDir()
	if os.Getuid() != 0 {
		t.Skip("NOT CHECKED: users and folders of deploy/systemd, because only root can make them")
	}
	if err := os.Mkdir(filepath.Join(top, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{users, "--root=" + top, "sysusers.conf"}, {files, "--create", "--root=" + top, "tmpfiles.conf"}} {
		args[len(args)-1] = absolute(t, args[len(args)-1])
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v = %v, %s; want success", args, err, out)
		}
	}
	passwd := read(t, filepath.Join(top, "etc/passwd"))
	for _, unit := range services {
		user := value(t, unit, "User")
		if !strings.Contains(passwd, user+":x:") {
			t.Errorf("%s: got no user %s in %q, want the one that sysusers.conf makes", unit, user, passwd)
		}
	}
	for _, folder := range []string{"secrets", "gate-secrets"} {
		info, err := os.Stat(filepath.Join(top, "etc/playtoken", folder))
		if err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("folder %s: got %v, %v, want mode 0750", folder, info, err)
		}
	}
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// value is that of a key which a unit has once.
func value(t *testing.T, unit, key string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(read(t, unit), -1)
	if len(found) != 1 {
		t.Fatalf("%s: got %d lines with %s, want 1", unit, len(found), key)
	}
	return found[0][1]
}

// TestSettingsOfTheUnitsAreGood reads the files as the verbs do, first as they are
// and then with every line that they show commented out.
func TestSettingsOfTheUnitsAreGood(t *testing.T) {
	secrets := t.TempDir()
	for _, tt := range []struct {
		file string
		read func(environ []string) (settings.Settings, error)
	}{
		{"playtoken.env", settings.ForService},
		{"gate.env", func(environ []string) (settings.Settings, error) {
			return settings.ForGate(environ, "")
		}},
	} {
		text := read(t, tt.file)
		for _, environ := range [][]string{assignments(t, text, secrets, false), assignments(t, text, secrets, true)} {
			if _, err := tt.read(environ); err != nil {
				t.Errorf("%s: got %v of %q, want settings that are good", tt.file, err, environ)
			}
		}
	}
}

// assignments are those of an environment file. Where those that are commented out
// are wanted, they replace the file store. Files with secrets are made in a folder.
func assignments(t *testing.T, text, secrets string, all bool) (environ []string) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^(#?)([A-Z][A-Z0-9_]*)=(.*)$`)
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		ofTheFile := strings.HasPrefix(m[2], "PLAYTOKEN_STORE") || m[2] == "PLAYTOKEN_GATE_DATA"
		if m[1] == "#" && !all || all && ofTheFile {
			continue
		}
		if strings.HasSuffix(m[2], "_FILE") {
			m[3] = filepath.Join(secrets, filepath.Base(m[3]))
			if err := os.WriteFile(m[3], []byte(m[2]+"-0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		environ = append(environ, m[2]+"="+m[3])
	}
	return environ
}

// TestTheFilterLetsTheProgramWork traces serve while it makes its keys and mints.
func TestTheFilterLetsTheProgramWork(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and traces it")
	}
	analyze := tool(t, "systemd-analyze")
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("NOT CHECKED: the filter of system calls of deploy/systemd, because strace is missing (apt-get install strace)")
	}
	allowed := calls(t, analyze, "@system-service")
	for _, group := range []string{"@privileged", "@resources"} {
		for call := range calls(t, analyze, group) {
			delete(allowed, call)
		}
	}
	made := traced(t, strace)
	for _, call := range made {
		if !allowed[call] {
			t.Errorf("serve makes the system call %s, which SystemCallFilter of the units refuses", call)
		}
	}
	if !slices.Contains(made, "accept4") {
		t.Errorf("got the system calls %v, want those of a program that serves", made)
	}
}

// calls are the members of a group of system calls, those of its groups among them.
func calls(t *testing.T, analyze, group string) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), analyze, "syscall-filter", "--no-pager", group).Output()
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter %s = %v, want its members", group, err)
	}
	all := map[string]bool{}
	for _, name := range strings.Fields(string(regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAll(out, nil))) {
		switch {
		case name == group:
		case strings.HasPrefix(name, "@"):
			for call := range calls(t, analyze, name) {
				all[call] = true
			}
		default:
			all[name] = true
		}
	}
	return all
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tool finds a program that readers of a release have, or skips the test.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT CHECKED: releases by %s, which is missing (apt-get install %s)", name, pkg)
	}
	return path
}

// one is the only file of a release that fits a pattern.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) != 1 {
		t.Fatalf("got %v, %v for %s, want one file", names, err, pattern)
	}
	return names[0]
}

// said runs a command and returns what it says.
func said(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v = %v, %s; want success", name, args, err, out)
	}
	return string(out)
}

// wanted are the places of files that both kinds of packages have.
func wanted() []string {
	return []string{"/usr/bin/playtoken", "/usr/lib/systemd/system/playtoken.service", "/usr/lib/systemd/system/playtoken-gate.service",
		"/usr/lib/systemd/system/playtoken-rotate.service", "/usr/lib/systemd/system/playtoken-rotate.timer", "/usr/lib/sysusers.d/playtoken.conf",
		"/usr/lib/tmpfiles.d/playtoken.conf", "/etc/playtoken/playtoken.env", "/etc/playtoken/gate.env", "/usr/share/man/man1/playtoken.1.gz",
		"/usr/share/bash-completion/completions/playtoken", "/usr/share/fish/vendor_completions.d/playtoken.fish", "/usr/share/doc/playtoken/LICENSES.txt"}
}

func TestDebianInstallsThePackage(t *testing.T) {
	deb, dpkg := one(t, released(t), "*.deb"), tool(t, "dpkg", "dpkg")
	tool(t, "systemd-sysusers", "systemd")
	if os.Getuid() != 0 {
		t.Skip("NOT CHECKED: whether dpkg installs the package, because only root can make its users")
	}
	root := t.TempDir()
	for _, dir := range []string{"etc", "var/lib/dpkg/updates", "var/lib/dpkg/info"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		said(t, dpkg, append([]string{"--root=" + root, "--force-script-chrootless", "--log=/dev/null"}, args...)...)
	}
	run("--install", deb)
	for _, name := range append(wanted(), "/usr/share/zsh/vendor-completions/_playtoken", "/usr/share/doc/playtoken/copyright") {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("installed: got %v, want the file", err)
		}
	}
	checkProgram(t, filepath.Join(root, "usr/bin/playtoken"))
	checkUsersAndFolders(t, root)

	settings := filepath.Join(root, "etc/playtoken/playtoken.env")
	if err := os.WriteFile(settings, []byte("PLAYTOKEN_LISTEN=:80\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run("--install", deb)
	if got := string(read(t, settings)); got != "PLAYTOKEN_LISTEN=:80\n" {
		t.Errorf("settings after the package was installed again = %q, want the operator's", got)
	}
	secret := filepath.Join(root, "etc/playtoken/secrets/api-key")
	if err := os.WriteFile(secret, []byte("secret"), 0o640); err != nil {
		t.Fatal(err)
	}
	run("--purge", "playtoken")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/playtoken")); err == nil {
		t.Error("got the program after the package was removed, want it gone")
	}
	if got := string(read(t, secret)); got != "secret" {
		t.Errorf("secret after the package was removed = %q, want it left alone", got)
	}
}

// checkUsersAndFolders: the script of the package has made them.
func checkUsersAndFolders(t *testing.T, root string) {
	t.Helper()
	passwd := string(read(t, root, "etc/passwd"))
	for _, user := range []string{"playtoken", "playtoken-gate"} {
		if !regexp.MustCompile(`(?m)^` + user + `:`).MatchString(passwd) {
			t.Errorf("got the users %q, want %s among them", passwd, user)
		}
	}
	for _, name := range []string{"secrets", "gate-secrets"} {
		info, err := os.Stat(filepath.Join(root, "etc/playtoken", name))
		if err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("folder %s: got %v, %v, want mode 0750", name, info, err)
		}
	}
}

func TestDebianKnowsThePackage(t *testing.T) {
	deb, dpkg := one(t, released(t), "*.deb"), tool(t, "dpkg-deb", "dpkg")
	fields := said(t, dpkg, "--field", deb)
	for _, want := range []string{"Package: playtoken\n", "Version: 0.1.0~rc.1-1\n", "Maintainer: ", "Recommends: systemd\n"} {
		if !strings.Contains(fields, want) {
			t.Errorf("got the fields %s, want %q", fields, want)
		}
	}
	for line := range strings.Lines(said(t, dpkg, "--contents", deb)) {
		mode, rest, _ := strings.Cut(line, " ")
		want := "-rw-r--r--"
		switch {
		case strings.HasPrefix(mode, "d"):
			want = "drwxr-xr-x"
		case strings.HasSuffix(rest, "./usr/bin/playtoken\n"):
			want = "-rwxr-xr-x"
		}
		if mode != want || !strings.HasPrefix(rest, "root/root ") {
			t.Errorf("got the entry %swant mode %s and root's", line, want)
		}
	}
	if got := said(t, dpkg, "--info", deb, "conffiles"); got != "/etc/playtoken/gate.env\n/etc/playtoken/playtoken.env\n" {
		t.Errorf("got the settings %q, want the two files", got)
	}
}

func TestRPMKnowsThePackage(t *testing.T) {
	name, rpm := one(t, released(t), "*.rpm"), tool(t, "rpm", "rpm")
	database := "--dbpath=" + t.TempDir()
	said(t, rpm, database, "--checksig", "--nosignature", name)
	if got := said(t, rpm, database, "--query", "--queryformat=%{name} %{version} %{release} %{license} %{buildhost}", "--package", name); got != "playtoken 0.1.0~rc.1 1 Apache-2.0 localhost" {
		t.Errorf("got the package %q, want playtoken 0.1.0~rc.1", got)
	}
	var paths []string
	for line := range strings.Lines(said(t, rpm, database, "--query", "--dump", "--package", name)) {
		field := strings.Fields(line) // path size mtime digest mode owner group isconfig isdoc rdev symlink
		paths = append(paths, field[0])
		mode := "0100644"
		if field[0] == "/usr/bin/playtoken" {
			mode = "0100755"
		}
		isSetting := strings.HasSuffix(field[0], ".env")
		if field[4] != mode || field[5] != "root" || field[6] != "root" || (field[7] == "1") != isSetting {
			t.Errorf("got the entry %s, want mode %s, root's, and to be a setting: %t", line, mode, isSetting)
		}
	}
	for _, want := range append(wanted(), "/usr/share/zsh/site-functions/_playtoken", "/usr/share/licenses/playtoken/LICENSE") {
		if !slices.Contains(paths, want) {
			t.Errorf("got the files %v, want %s among them", paths, want)
		}
	}
	scripts := said(t, rpm, database, "--query", "--scripts", "--package", name)
	for _, want := range []string{"systemd-sysusers", "systemctl disable --now", "systemctl try-restart"} {
		if !strings.Contains(scripts, want) {
			t.Errorf("got the scripts %s, want %s in them", scripts, want)
		}
	}
}

// TestScriptsOfPackages runs them as dpkg and rpm do, on a machine whose systemd only
// writes down what it is told.
func TestScriptsOfPackages(t *testing.T) {
	for _, tt := range []struct{ script, args, want string }{
		{"postinstall", "configure", "systemd-sysusers playtoken.conf, systemd-tmpfiles --create playtoken.conf, systemctl daemon-reload"},
		{"postinstall", "1", "systemd-sysusers playtoken.conf, systemd-tmpfiles --create playtoken.conf, systemctl daemon-reload"},
		{"postinstall", "configure 0.9.0-1", "systemd-sysusers playtoken.conf, systemd-tmpfiles --create playtoken.conf, systemctl daemon-reload, systemctl try-restart playtoken.service playtoken-gate.service"},
		{"postinstall", "2", "systemd-sysusers playtoken.conf, systemd-tmpfiles --create playtoken.conf, systemctl daemon-reload, systemctl try-restart playtoken.service playtoken-gate.service"},
		{"preremove", "upgrade 1.0.0-1", ""},
		{"preremove", "1", ""},
		{"preremove", "remove", "systemctl disable --now playtoken.service playtoken-gate.service playtoken-rotate.timer"},
		{"preremove", "0", "systemctl disable --now playtoken.service playtoken-gate.service playtoken-rotate.timer"},
		{"postremove", "0", "systemctl daemon-reload"},
	} {
		dir := t.TempDir()
		for _, name := range []string{"systemctl", "systemd-sysusers", "systemd-tmpfiles"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho \"$(basename \"$0\") $*\"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		// The folder that says that systemd runs is not one that a test can make.
		text := strings.ReplaceAll(string(read(t, "scripts", tt.script+".sh")), "/run/systemd/system", dir)
		args := append([]string{"-c", text, tt.script}, strings.Fields(tt.args)...)
		cmd := exec.CommandContext(t.Context(), "sh", args...)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "DPKG_ROOT=")
		out, err := cmd.CombinedOutput()
		if got := strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", ", "); err != nil || got != tt.want {
			t.Errorf("%s %s = %q, %v; want %q", tt.script, tt.args, got, err, tt.want)
		}
	}
}

package settings

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode"
)

// The functions in this file find what can be used as it is, and is hardly what
// was meant: each doubt is one line that begins with the name of the setting.

// quoted returns a doubt about each setting whose quotes are part of its value:
// a shell takes them away, an env file of a container engine does not.
func (env environment) quoted(rows []variable) (doubts []string) {
	for _, row := range rows {
		if text, err := env.lookup(row.Setting); err == nil && isQuoted(text) {
			doubts = append(doubts, row.Name+": the quotes around it are part of the value; remove them")
		}
	}
	return doubts
}

func isQuoted(text string) bool {
	return len(text) > 1 && text[0] == text[len(text)-1] && strings.Contains("\"'`", text[:1])
}

// hint adds to the error of a value that it is in quotes.
func hint(err error, text string) error {
	if err != nil && isQuoted(text) {
		return fmt.Errorf("%w; the quotes around it are part of the value: remove them", err)
	}
	return err
}

// control refuses control characters, which a terminal does not show: an env file
// with Windows line ends puts one after every value.
func control(text string, lines bool) error {
	bad := strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && !(lines && (r == '\n' || r == '\r'))
	})
	if bad {
		return errors.New("has a control character in it, such as the carriage return of a file with Windows line ends: remove it")
	}
	return nil
}

// hidden returns a problem for each variable of ours or Vault's that is no row of
// the table and has a control character in it, such as the path of a secret.
func (env environment) hidden(rows []variable) (problems []error) {
	for _, name := range env.names() {
		row := slices.ContainsFunc(rows, func(v variable) bool { return v.Name == name })
		if row || !strings.HasPrefix(name, "PLAYTOKEN_") && !strings.HasPrefix(name, "VAULT_") {
			continue
		}
		lines := name == "VAULT_CACERT_BYTES" // a PEM text
		if err := control(env[name], lines); err != nil {
			problems = append(problems, withName(name, err))
		}
	}
	return problems
}

// openly returns a doubt about each server to which a credential travels without
// encryption. A verb that uses Vault says so.
func (s *Settings) openly(vault bool) (doubts []string) {
	if u, err := url.Parse(s.Vault.Address); vault && err == nil && u.Scheme == "http" && !onLoopback(u) {
		doubts = append(doubts, "VAULT_ADDR: the token of Vault, and what it protects, travel unencrypted; use https")
	}
	u, err := url.Parse(s.RedisURL.Reveal())
	if err != nil || strings.HasPrefix(u.Scheme, "rediss") || allOnLoopback(u) {
		return doubts
	}
	if _, has := u.User.Password(); has || u.Query().Has("sentinel_password") {
		doubts = append(doubts, "PLAYTOKEN_REDIS_URL: the password of Redis travels unencrypted; use rediss")
	}
	return doubts
}

// exposed tells of the key of a certificate that every user of this machine may
// read. It is no error, because that is how Kubernetes mounts a secret unless told
// otherwise, in a container without other users.
func (s *Settings) exposed() []string {
	info, err := os.Stat(s.TLS.Key)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o007 == 0 { // there, modes say nothing
		return nil
	}
	return []string{fmt.Sprintf("PLAYTOKEN_TLS_KEY: every user of this machine may open its file (mode %04o); run: chmod 600 on it", info.Mode().Perm())}
}

func onLoopback(u *url.URL) bool {
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

// allOnLoopback is onLoopback for a URL that names further servers.
func allOnLoopback(u *url.URL) bool {
	return onLoopback(u) && !slices.ContainsFunc(u.Query()["addr"], func(address string) bool {
		return !onLoopback(&url.URL{Host: address})
	})
}

// openlyRule: with PLAYTOKEN_PLAINTEXT=refuse, no credential travels unencrypted.
func (s *Settings) openlyRule(vault func() bool) rule {
	return rule{[]string{"PLAYTOKEN_PLAINTEXT", "PLAYTOKEN_REDIS_URL"}, func() error {
		if s.Plaintext != "refuse" {
			return nil
		}
		var problems []error
		for _, doubt := range s.openly(vault()) {
			problems = append(problems, errors.New(doubt+", or set PLAYTOKEN_PLAINTEXT=warn"))
		}
		return errors.Join(problems...)
	}}
}

package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxSecretFile bounds what is read from a *_FILE; a mounted Kubernetes
// secret or a Vault token is far smaller.
const maxSecretFile = 64 << 10

// rule is a condition between settings. It is checked only if each of them was
// read without a problem.
type rule struct {
	names []string
	check func() error
}

// environment is the process's environment, by name.
type environment map[string]string

// Variables returns the environment by name. Of a name that appears twice, the
// last entry counts.
func Variables(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}

// read parses every row, then checks every rule. Its error is an Error with all
// problems at once. No problem shows a value: people do paste credentials into
// the wrong variable.
func (env environment) read(rows []variable, rules []rule) error {
	problems, bad := env.parse(rows)
	isBad := func(name string) bool { return bad[name] }
	for _, r := range rules {
		if !slices.ContainsFunc(r.names, isBad) {
			problems = append(problems, split(r.check())...)
		}
	}
	problems = append(problems, env.hidden(rows)...)
	problems = append(problems, env.unknown(rows)...)
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// parse parses every row and returns the names of those that have a problem.
// They have their default, for the rules that involve other settings too.
func (env environment) parse(rows []variable) (problems Error, bad map[string]bool) {
	bad = map[string]bool{}
	for _, row := range rows {
		text, err := env.lookup(row.Setting)
		if err == nil && text != "" {
			err = row.take(text)
		}
		if err == nil {
			continue
		}
		if row.Default != "" {
			err = cmp.Or(err, row.parse(row.Default))
		}
		bad[row.Name] = true
		problems = append(problems, fmt.Errorf("%s: %w", row.Name, err))
	}
	return problems, bad
}

// take parses a value that an operator wrote.
func (v variable) take(text string) error {
	if err := control(text, v.lines); err != nil {
		return err
	}
	return hint(v.parse(text), text)
}

// split takes joined errors apart, so that each gets a line of its own.
func split(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// lookup returns the text of a setting: the variable, the content of the file
// that stands for it, or the default.
func (env environment) lookup(s Setting) (string, error) {
	text := env[s.Name]
	if file := env[s.Name+"_FILE"]; s.Secret && file != "" {
		if text != "" {
			return "", fmt.Errorf("both it and %s_FILE are set; unset one of them", s.Name)
		}
		return ReadSecret(file)
	}
	return cmp.Or(text, s.Default), nil
}

// ReadSecret returns a file's content without the one newline that editors
// and echo put at its end. Its errors do not show the path, which may be the
// secret itself.
func ReadSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("its file: %w", withoutPath(err))
	}
	defer f.Close()
	text, err := SecretOf(f)
	if err != nil {
		return "", fmt.Errorf("its file: %w", withoutPath(err))
	}
	return text, nil
}

// SecretOf returns all that a reader has, as ReadSecret does.
func SecretOf(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSecretFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSecretFile {
		return "", errors.New("too large for a secret")
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return "", errors.New("is empty")
	}
	return text, nil
}

func withoutPath(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

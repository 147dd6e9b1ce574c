package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// maxSecretFile bounds what is read from a *_FILE; a mounted Kubernetes
// secret or a Vault token is far smaller.
const maxSecretFile = 64 << 10

// variable is one row of the environment's table.
type variable struct {
	name     string
	fallback string // parsed when the variable is unset or empty; "" leaves the zero value
	secret   bool   // may be given as the file that name_FILE names
	parse    func(text string) error
}

// rule is a condition that involves more than one variable. It is asked only
// when each of them was read without a problem.
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

// read parses every row, then asks every rule. The error is a Error
// with all problems at once. No problem shows a value: people do paste
// credentials into the wrong variable.
func (env environment) read(rows []variable, rules []rule) error {
	var problems Error
	bad := map[string]bool{}
	for _, row := range rows {
		text, err := env.lookup(row)
		if err == nil && text != "" {
			err = row.parse(text)
		}
		if err != nil {
			if row.fallback != "" { // for the rules that look at other variables too
				err = cmp.Or(err, row.parse(row.fallback))
			}
			bad[row.name] = true
			problems = append(problems, fmt.Errorf("%s: %w", row.name, err))
		}
	}
	isBad := func(name string) bool { return bad[name] }
	for _, r := range rules {
		if slices.ContainsFunc(r.names, isBad) {
			continue
		}
		problems = append(problems, flat(r.check())...)
	}
	problems = append(problems, env.strangers(rows)...)
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// flat takes joined errors apart, so that each gets a line of its own.
func flat(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func (env environment) lookup(row variable) (string, error) {
	text := env[row.name]
	if file := env[row.name+"_FILE"]; row.secret && file != "" {
		if text != "" {
			return "", fmt.Errorf("both it and %s_FILE are set", row.name)
		}
		return ReadSecret(file)
	}
	if text == "" {
		text = row.fallback
	}
	return text, nil
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
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("its file: %w", withoutPath(err))
	}
	if len(data) > maxSecretFile {
		return "", errors.New("its file is too large for a secret")
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return "", errors.New("its file is empty")
	}
	return text, nil
}

func withoutPath(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// strangers are the PLAYTOKEN_ names that mean nothing to us: a misspelt
// setting would otherwise be a setting silently not made. Kubernetes adds the
// service links of a Service named playtoken.
func (env environment) strangers(rows []variable) []error {
	known := map[string]bool{}
	for _, row := range rows {
		known[row.name] = true
		if row.secret {
			known[row.name+"_FILE"] = true
		}
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if known[name] || !strings.HasPrefix(name, "PLAYTOKEN_") || tolerated(name) {
			continue
		}
		problem := fmt.Errorf("%s: no such setting", name)
		if near := nearest(name, slices.Sorted(maps.Keys(known))); near != "" {
			problem = fmt.Errorf("%s: no such setting; did you mean %s?", name, near)
		}
		problems = append(problems, problem)
	}
	return problems
}

func tolerated(name string) bool {
	return strings.HasPrefix(name, "PLAYTOKEN_SERVICE_") ||
		strings.HasPrefix(name, "PLAYTOKEN_PORT") ||
		strings.HasPrefix(name, "PLAYTOKEN_TEST_")
}

// nearest returns the candidate that ends like the name, or else the one that is
// the fewest edits away, or "" if none is close enough to be what was meant.
func nearest(name string, candidates []string) string {
	ending := strings.TrimPrefix(name, "PLAYTOKEN")
	if i := slices.IndexFunc(candidates, func(c string) bool { return strings.HasSuffix(c, ending) }); i >= 0 {
		return candidates[i]
	}
	best, fewest := "", 1+len(name)/4
	if len(name) > 80 {
		return "" // nobody's typing mistake
	}
	for _, c := range candidates {
		if d := edits(name, c); d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

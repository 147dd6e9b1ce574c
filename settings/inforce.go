package settings

import "cmp"

// Value is a setting and what is in force.
type Value struct {
	Setting
	InForce string // the text; of a secret "set" or "unset"; "invalid" if it cannot be read
}

// InForce returns the value of every setting. Its error is an Error about the
// values that cannot be read and the variables that are no setting; rules
// between settings, which differ by verb, are not checked.
func InForce(environ []string) ([]Value, error) {
	env, s := environment(Variables(environ)), empty()
	rows := s.rows()
	problems, bad := env.parse(rows)
	problems = append(problems, env.hidden(rows)...)
	problems = append(problems, env.unknown(rows)...)
	values := make([]Value, len(rows))
	for i, row := range rows {
		values[i] = Value{Setting: row.Setting, InForce: env.shown(row.Setting, bad[row.Name])}
	}
	if len(problems) > 0 {
		return values, problems
	}
	return values, nil
}

// shown returns what may be shown of a setting: no secret, and nothing that
// could not be read, because people do paste credentials into the wrong
// variable.
func (env environment) shown(s Setting, bad bool) string {
	switch {
	case bad:
		return "invalid"
	case !s.Secret:
		return cmp.Or(env[s.Name], s.Default)
	case env[s.Name] != "" || env[s.Name+"_FILE"] != "":
		return "set"
	}
	return "unset"
}

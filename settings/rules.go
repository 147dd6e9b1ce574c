package settings

import (
	"errors"
	"fmt"
)

// rules are the conditions between variables that hold for every verb.
func (s *Settings) rules() []rule {
	return []rule{
		{[]string{"PLAYTOKEN_TOKEN_TTL", "PLAYTOKEN_TOKEN_MAX_TTL"}, func() error {
			return unless(s.TokenTTL <= s.Rotation.MaxTTL, "PLAYTOKEN_TOKEN_TTL: longer than PLAYTOKEN_TOKEN_MAX_TTL")
		}},
		// Of no variable: what is wrong with the others is said even if one
		// cannot be read, which counts as its default then.
		{nil, func() error { return s.Rotation.Validate() }},
		{[]string{"PLAYTOKEN_API_KEY", "PLAYTOKEN_PLATFORM_API_KEY"}, func() error {
			return unless(s.APIKey.IsZero() || s.Account.Exists(),
				"PLAYTOKEN_API_KEY: belongs to the project default, which PLAYTOKEN_PLATFORM_API_KEY would make")
		}},
		{names(new(Account).variables()), s.Account.check},
		{[]string{"PLAYTOKEN_API_KEY", "PLAYTOKEN_ADMIN_KEY"}, func() error {
			return unless(!s.APIKey.Equal(s.AdminKey.Reveal()),
				"PLAYTOKEN_API_KEY: is the same as PLAYTOKEN_ADMIN_KEY; a front end must not hold the admin key")
		}},
	}
}

// storeRule: a store has to be openable.
func (s *Settings) storeRule() rule {
	return rule{names(new(Settings).storeVariables()), func() error {
		if s.StoreFile != "" {
			return unless(!s.StorePassword.IsZero(), "PLAYTOKEN_STORE_PASSWORD: required for a file store")
		}
		return s.loginRule()
	}}
}

// loginRule: what the way to log in to Vault needs is there, and nothing of
// another way, which somebody would believe in.
func (s *Settings) loginRule() error {
	l := s.Vault
	var problems []error
	for _, row := range []struct {
		method, name string
		set          bool
	}{
		{"token", "VAULT_TOKEN", !s.Vault.Token.IsZero()},
		{"approle", "PLAYTOKEN_VAULT_ROLE_ID", l.RoleID != ""},
		{"approle", "PLAYTOKEN_VAULT_SECRET_ID", !l.SecretID.IsZero()},
		{"kubernetes", "PLAYTOKEN_VAULT_ROLE", l.Role != ""},
	} {
		switch {
		case row.method == l.Method && !row.set && l.Method == "token":
			problems = append(problems, errors.New("VAULT_TOKEN: required for the store in Vault, unless PLAYTOKEN_VAULT_AUTH says another way to log in"))
		case row.method == l.Method && !row.set:
			problems = append(problems, fmt.Errorf("%s: required for PLAYTOKEN_VAULT_AUTH=%s", row.name, row.method))
		case row.method != l.Method && row.set && row.name != "VAULT_TOKEN": // an operator's shell may have it
			problems = append(problems, fmt.Errorf("%s: is for PLAYTOKEN_VAULT_AUTH=%s", row.name, row.method))
		}
	}
	return errors.Join(problems...)
}

// gateRule: the gate has media to serve and a key that guards its keys.
func (s *Settings) gateRule() rule {
	return rule{[]string{"PLAYTOKEN_GATE_MEDIA", "PLAYTOKEN_GATE_API_KEY"}, func() error {
		return errors.Join(
			unless(s.Gate.Media != "", "PLAYTOKEN_GATE_MEDIA: required (or --media)"),
			unless(!s.Gate.APIKey.IsZero(), "PLAYTOKEN_GATE_API_KEY: required"))
	}}
}

func unless(fine bool, problem string) error {
	if fine {
		return nil
	}
	return errors.New(problem)
}

func names(rows []variable) []string {
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row.name
	}
	return names
}

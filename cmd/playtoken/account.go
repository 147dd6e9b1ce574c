package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/secret"
)

// account is the project default's account at its platform, as the environment
// has it. It exists if it has a credential.
type account struct {
	platform   string
	settings   map[string]string
	credential map[string]secret.Value
	apiKey     secret.Value // the credential's main part, whatever its platform calls it
}

func (a *account) variables() []variable {
	a.settings, a.credential = map[string]string{}, map[string]secret.Value{}
	setting := func(name string, parse func(*string) func(string) error) func(string) error {
		return func(s string) error {
			var value string
			err := parse(&value)(s)
			a.settings[name] = value
			return err
		}
	}
	return []variable{
		{name: "PLAYTOKEN_PLATFORM", fallback: "vidbeo", parse: oneOf(&a.platform, slices.Sorted(maps.Keys(kinds()))...)},
		{name: "PLAYTOKEN_PLATFORM_URL", parse: setting("url", base)},
		{name: "PLAYTOKEN_PLATFORM_API_KEY", secret: true, parse: credential(&a.apiKey)},
		{name: "PLAYTOKEN_PLATFORM_LANDING_URL", parse: setting("landing_url", template)},
		{name: "PLAYTOKEN_PLATFORM_EMBED_URL", parse: setting("embed_url", template)},
		{name: "PLAYTOKEN_PLATFORM_HLS_URL", parse: setting("hls_url", template)},
		{name: "PLAYTOKEN_PLATFORM_SETTINGS", parse: a.moreSettings},
		{name: "PLAYTOKEN_PLATFORM_CREDENTIALS", secret: true, parse: a.moreCredentials},
	}
}

// names are those of the variables.
func (a *account) names() (names []string) {
	for _, row := range new(account).variables() {
		names = append(names, row.name)
	}
	return names
}

func (a *account) moreSettings(s string) error {
	return pairs(s, func(name, value string) error {
		if _, twice := a.settings[name]; twice {
			return fmt.Errorf("%s is set twice", name)
		}
		a.settings[name] = value
		return nil
	})
}

func (a *account) moreCredentials(s string) error {
	return pairs(s, func(name, value string) error {
		var part secret.Value
		err := credential(&part)(value)
		a.credential[name] = part
		return err
	})
}

func (a *account) exists() bool { return !a.apiKey.IsZero() || len(a.credential) > 0 }

// credentials are all parts of the credential. The one that has a variable of
// its own is the first of those that the platform knows.
func (a *account) credentials(kind platforms.Kind) map[string]secret.Value {
	all := maps.Clone(a.credential)
	if main := kind.Credentials; !a.apiKey.IsZero() && len(main) > 0 {
		all[main[0].Name] = a.apiKey
	}
	return all
}

// check asks the platform's folder whether it can work with the account.
func (a *account) check(kinds projects.Kinds) error {
	if !a.exists() {
		return nil
	}
	kind, problems := kinds[a.platform], []error{}
	for name := range a.settings {
		problems = append(problems, known("PLAYTOKEN_PLATFORM_SETTINGS", a.platform, kind.Settings, name))
	}
	for name := range a.credential {
		problems = append(problems, known("PLAYTOKEN_PLATFORM_CREDENTIALS", a.platform, kind.Credentials, name))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	_, err := kind.Open(platforms.Account{Settings: a.settings, Credential: a.credentials(kind)})
	return err
}

func known(variable, platform string, members []platforms.Member, name string) error {
	if slices.ContainsFunc(members, func(m platforms.Member) bool { return m.Name == name }) {
		return nil
	}
	return fmt.Errorf("%s: %s has no %q", variable, platform, name)
}

// project is what the environment says about the project default. Its policies
// are the deployment's own.
func (a *account) project(kinds projects.Kinds) projects.Project {
	return projects.Project{
		ID: projects.Default, Name: projects.Default, Platform: a.platform,
		Settings: a.settings, Credential: a.credentials(kinds[a.platform]),
	}
}

package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"playtoken/platforms"
	"playtoken/platforms/all"
	"playtoken/secret"
)

// Account is the account of the project default at its platform, as the
// environment describes it.
type Account struct {
	Platform   string
	Settings   map[string]string
	Credential map[string]secret.Value // empty: the environment describes no project
}

// Exists reports whether the environment describes the project default.
func (a *Account) Exists() bool { return len(a.Credential) > 0 }

func (a *Account) variables() []variable {
	a.Settings, a.Credential = map[string]string{}, map[string]secret.Value{}
	return []variable{
		{name: "PLAYTOKEN_PLATFORM", fallback: "vidbeo", parse: oneOf(&a.Platform, slices.Sorted(maps.Keys(all.Kinds()))...)},
		{name: "PLAYTOKEN_PLATFORM_URL", parse: a.setting("url", base)},
		{name: "PLAYTOKEN_PLATFORM_API_KEY", secret: true, parse: a.mainCredential}, // after the platform, which names it
		{name: "PLAYTOKEN_PLATFORM_LANDING_URL", parse: a.setting("landing_url", template)},
		{name: "PLAYTOKEN_PLATFORM_EMBED_URL", parse: a.setting("embed_url", template)},
		{name: "PLAYTOKEN_PLATFORM_HLS_URL", parse: a.setting("hls_url", template)},
		{name: "PLAYTOKEN_PLATFORM_SETTINGS", parse: a.moreSettings},
		{name: "PLAYTOKEN_PLATFORM_CREDENTIALS", secret: true, parse: a.moreCredentials},
	}
}

// setting returns a parser that puts what another parser accepts into Settings.
func (a *Account) setting(name string, parse func(*string) func(string) error) func(string) error {
	return func(text string) error {
		var value string
		err := parse(&value)(text)
		a.Settings[name] = value
		return err
	}
}

// mainCredential stores the part of the credential that has a variable of its
// own: the first one that the platform lists.
func (a *Account) mainCredential(text string) error {
	var part secret.Value
	err := credential(&part)(text)
	a.Credential[all.Kinds()[a.Platform].Credentials[0].Name] = part
	return err
}

func (a *Account) moreSettings(text string) error {
	return pairs(text, func(name, value string) error {
		if _, twice := a.Settings[name]; twice {
			return fmt.Errorf("%s is set twice", name)
		}
		a.Settings[name] = value
		return nil
	})
}

func (a *Account) moreCredentials(text string) error {
	return pairs(text, func(name, value string) error {
		if _, twice := a.Credential[name]; twice {
			return fmt.Errorf("%s is set twice", name)
		}
		var part secret.Value
		err := credential(&part)(value)
		a.Credential[name] = part
		return err
	})
}

// check reports whether the platform knows the account's members and accepts
// their form.
func (a *Account) check() error {
	if !a.Exists() {
		return nil
	}
	kind, problems := all.Kinds()[a.Platform], []error{}
	for name := range a.Settings {
		problems = append(problems, known("PLAYTOKEN_PLATFORM_SETTINGS", a.Platform, kind.Settings, name))
	}
	for name := range a.Credential {
		problems = append(problems, known("PLAYTOKEN_PLATFORM_CREDENTIALS", a.Platform, kind.Credentials, name))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	_, err := kind.Open(platforms.Account{Settings: a.Settings, Credential: a.Credential})
	return err
}

func known(variable, platform string, members []platforms.Member, name string) error {
	if slices.ContainsFunc(members, func(m platforms.Member) bool { return m.Name == name }) {
		return nil
	}
	return fmt.Errorf("%s: %s has no %q", variable, platform, name)
}

package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"playtoken/platforms"
	"playtoken/platforms/all"
	"playtoken/secret"
	"playtoken/store"
)

// Account is the account of the project default at its platform, as the
// environment describes it.
type Account struct {
	Platform   string
	Settings   map[string]string
	Credential map[string]secret.Value // empty: the environment describes no project
	KeyKind    store.Kind              // "": RSA of PLAYTOKEN_KEY_BITS, or what the platform takes
}

// Exists reports whether the environment describes the project default: it has a
// credential, or names a platform that needs none.
func (a *Account) Exists() bool {
	kind, known := all.Kinds()[a.Platform]
	return len(a.Credential) > 0 || known && len(kind.Credentials) == 0
}

// setting returns a parser that puts what another parser accepts into Settings.
func (a *Account) setting(name string, parse func(*string) parser) parser {
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
	members := all.Kinds()[a.Platform].Credentials
	if len(members) == 0 {
		return fmt.Errorf("platform %s has no credential: leave it unset", a.Platform)
	}
	var part secret.Value
	err := credential(&part)(text)
	a.Credential[members[0].Name] = part
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
	opened, err := kind.Open(platforms.Account{Settings: a.Settings, Credential: a.Credential})
	if err != nil {
		return fmt.Errorf("%s: the project default cannot be made: %w", accountVariable(err), err)
	}
	return withName("PLAYTOKEN_KEY_KIND", kind.CheckKeyKind(opened, a.KeyKind))
}

// keyKind accepts the name of a kind of key that stores make.
func keyKind(to *store.Kind) parser {
	return func(s string) error {
		kind := store.Kind(s)
		if !kind.Known() {
			return fmt.Errorf("want one of %v", store.Kinds())
		}
		*to = kind
		return nil
	}
}

// accountVariable returns the setting that an error of a platform is about, by
// the name of the member in it.
func accountVariable(err error) string {
	for _, member := range []string{"landing_url", "embed_url", "hls_url"} {
		if strings.Contains(strings.ReplaceAll(err.Error(), " ", "_"), member) {
			return "PLAYTOKEN_PLATFORM_" + strings.ToUpper(member)
		}
	}
	if strings.Contains(err.Error(), ": url: ") {
		return "PLAYTOKEN_PLATFORM_URL"
	}
	return "PLAYTOKEN_PLATFORM"
}

func known(variable, platform string, members []platforms.Member, name string) error {
	if slices.ContainsFunc(members, func(m platforms.Member) bool { return m.Name == name }) {
		return nil
	}
	listed := make([]string, len(members))
	for i, m := range members {
		listed[i] = m.Name
	}
	return fmt.Errorf("%s: platform %s has no %q; it has %s", variable, platform, name, strings.Join(listed, ", "))
}

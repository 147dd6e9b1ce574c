package service

import (
	"context"

	"playtoken/filekeys"
	"playtoken/projects"
	"playtoken/reload"
	"playtoken/settings"
	"playtoken/vaultkeys"
)

// Replace has a running process use the secret that the settings now have. An
// error shows no secret.
type Replace func(settings.Settings) error

// AddFiles has the reloader read the files of secrets again, by the setting that
// each stands for. A process does not use the secrets that it cannot replace,
// unless they need a restart. Files may be nil.
func AddFiles(to *reload.Reloader, files *settings.Files, replace map[string]Replace) {
	if files == nil {
		return
	}
	names, again := files.Settings()
	for _, name := range names {
		use, used := replace[name]
		switch {
		case !again[name]:
			to.NeedsRestart(name)
		case used:
			to.Add(name, looker(files, name, use))
		}
	}
}

// looker looks at the file of a secret. What could not be replaced is an error at
// every look, until the file changes again.
func looker(files *settings.Files, name string, use Replace) reload.Look {
	var refused error
	return func(context.Context) (bool, error) {
		set, changed, err := files.Look(name)
		if err != nil {
			return false, err
		}
		if changed {
			refused = use(set)
		}
		return changed && refused == nil, refused
	}
}

// replacements says how each secret is replaced.
func (s *Service) replacements() map[string]Replace {
	return map[string]Replace{
		"PLAYTOKEN_ADMIN_KEY":              s.replaceKeys,
		"PLAYTOKEN_API_KEY":                s.replaceKeys,
		"PLAYTOKEN_OPERATOR_CLIENT_SECRET": s.replaceClientSecret,
		"PLAYTOKEN_REDIS_URL":              s.replaceRedis,
		"PLAYTOKEN_PLATFORM_API_KEY":       s.replaceCredential,
		"PLAYTOKEN_PLATFORM_CREDENTIALS":   s.replaceCredential,
		"PLAYTOKEN_STORE_PASSWORD":         ReplacePassword(s.Storage.File),
		"VAULT_TOKEN":                      ReplaceLogin(s.Storage.Vault),
		"PLAYTOKEN_VAULT_SECRET_ID":        ReplaceLogin(s.Storage.Vault),
	}
}

// ReplaceLogin replaces what a process logs in to Vault with. Vault may be nil:
// the store is a file.
func ReplaceLogin(vault *vaultkeys.Store) Replace {
	return func(set settings.Settings) error {
		if vault != nil {
			vault.Replace(set.Vault.Token, set.Vault.SecretID)
		}
		return nil
	}
}

// ReplacePassword says what the password of the file store may be from now on. File
// may be nil: the store is Vault.
func ReplacePassword(file *filekeys.Store) Replace {
	return func(set settings.Settings) error {
		if file != nil {
			file.ReplacePassword(set.StorePassword)
		}
		return nil
	}
}

// replaceKeys replaces the keys of the admin and of the front end. The old ones are
// refused from now on.
func (s *Service) replaceKeys(set settings.Settings) error {
	s.keys.Store(&projects.EnvironmentKeys{AdminKey: set.AdminKey, APIKey: set.APIKey})
	return nil
}

func (s *Service) replaceClientSecret(set settings.Settings) error {
	if s.signIn != nil {
		s.signIn.ReplaceClientSecret(set.Operators.ClientSecret)
	}
	return nil
}

func (s *Service) replaceRedis(set settings.Settings) error {
	if s.redis == nil {
		return nil
	}
	return s.redis.Replace(set.RedisURL)
}

// replaceCredential replaces the credential of the project default. Requests under
// way finish with the old one.
func (s *Service) replaceCredential(set settings.Settings) error {
	s.Projects.ReplaceCredential(set.Account.Credential)
	s.tenants.outdate(projects.Default)
	return nil
}

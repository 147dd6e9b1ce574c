package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hashicorp/vault/vault"
)

// initKeys is what initialising a Vault gives, once and never again.
type initKeys struct {
	RootToken string `json:"root_token"`
	UnsealKey string `json:"unseal_key"` // hex
}

// open unseals the core, after initialising it if its storage is empty.
func open(ctx context.Context, core *vault.Core, path string) error {
	initialised, err := core.Initialized(ctx)
	if err != nil {
		return fmt.Errorf("reading the storage: %w", err)
	}
	if !initialised {
		if err := initialise(ctx, core, path); err != nil {
			return err
		}
	}
	// The storage is initialised and the file holds its keys.
	return unseal(core, path)
}

func initialise(ctx context.Context, core *vault.Core, path string) error {
	result, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig:  &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
		RecoveryConfig: &vault.SealConfig{},
	})
	if err != nil {
		return fmt.Errorf("initialising: %w", err)
	}
	return writeKeys(path, initKeys{
		RootToken: result.RootToken,
		UnsealKey: hex.EncodeToString(result.SecretShares[0]),
	})
}

func unseal(core *vault.Core, path string) error {
	keys, err := readKeys(path)
	if err != nil {
		return err
	}
	share, err := hex.DecodeString(keys.UnsealKey)
	if err != nil {
		return fmt.Errorf("reading the unseal key in %s: not hexadecimal", path)
	}
	unsealed, err := core.Unseal(share)
	if err != nil {
		return fmt.Errorf("unsealing with the key in %s: %w", path, err)
	}
	if !unsealed {
		return fmt.Errorf("unsealing with the key in %s: still sealed", path)
	}
	return nil
}

func readKeys(path string) (initKeys, error) {
	var keys initKeys
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return keys, fmt.Errorf("the storage is initialised but its keys are not at %s", path)
	}
	if err != nil {
		return keys, err
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		return keys, fmt.Errorf("reading %s: not the JSON written at first start", path)
	}
	return keys, nil
}

// writeKeys replaces the file in one step, so that a reader waiting for it never
// sees half of it.
func writeKeys(path string, keys initKeys) error {
	text, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

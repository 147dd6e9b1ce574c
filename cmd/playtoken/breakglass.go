package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"playtoken/cmd/playtoken/body"
	"playtoken/platforms/all"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/service"
	"playtoken/service/breakglass"
	"playtoken/settings"
)

// platformOnly is the command line of keys revoke where the store is away.
type platformOnly struct {
	chosen      *bool
	platform    *string
	settings    *map[string]string
	credentials *[]string
}

func addPlatformOnly(cmd *cobra.Command) platformOnly {
	flags := cmd.Flags()
	return platformOnly{
		chosen:      flags.Bool("platform-only", false, "while the store is away: delete the key with the id KEY_ID at the platform, and do nothing else"),
		platform:    flags.String("platform", "", "with --platform-only: the platform of a project other than default"),
		settings:    flags.StringToString("setting", nil, "with --platform-only: name=value of that platform's settings"),
		credentials: flags.StringArray("credential", nil, "with --platform-only: name=FILE of the credential there"),
	}
}

// alsoAtPlatform has keys revoke work without the store, if it is asked to.
func (a *app) alsoAtPlatform(revoke *cobra.Command) {
	f, withStore := addPlatformOnly(revoke), revoke.RunE
	revoke.RunE = func(cmd *cobra.Command, args []string) error {
		if !*f.chosen {
			if err := f.withStore(); err != nil {
				return err
			}
			return withStore(cmd, args)
		}
		project, _ := cmd.Flags().GetString("project") // the flags are there
		reason, _ := cmd.Flags().GetString("reason")
		if reason == "" {
			return usageError{"--reason: say why, for the record"}
		}
		if dry, _ := cmd.Flags().GetBool("dry-run"); dry {
			return usageError{"--dry-run needs the store; --platform-only names the key before it asks to go on"}
		}
		return a.revokeAtPlatform(cmd.Context(), f, cmp.Or(project, projects.Default), args[0], reason)
	}
}

// withStore refuses the flags that only mean something without the store.
func (f platformOnly) withStore() error {
	if *f.platform != "" || len(*f.settings) > 0 || len(*f.credentials) > 0 {
		return usageError{"--platform, --setting and --credential go with --platform-only"}
	}
	return nil
}

// account is the one that the flags describe, or that of the project default.
func (f platformOnly) account(set settings.Settings, project string) (breakglass.Account, error) {
	account := breakglass.Account{
		Project: project, Platform: set.Account.Platform, Settings: maps.Clone(set.Account.Settings), Credential: maps.Clone(set.Account.Credential),
	}
	if project != projects.Default && *f.platform == "" {
		return account, usageError{"--platform, --setting and --credential: needed for a project other than default, whose account is in the store"}
	}
	if *f.platform != "" {
		account.Platform, account.Settings, account.Credential = *f.platform, map[string]string{}, map[string]secret.Value{}
	}
	maps.Copy(account.Settings, *f.settings)
	parts, err := body.Credential(*f.credentials, usage)
	if err != nil {
		return account, err
	}
	for name, text := range parts {
		account.Credential[name] = secret.New(text)
	}
	if len(account.Credential) == 0 {
		return account, usageError{"--credential: needed, or PLAYTOKEN_PLATFORM_API_KEY for the project default"}
	}
	return account, nil
}

// revokeAtPlatform deletes a key at the platform, without the store. The act itself
// waits for nothing: where it cannot be put on record, that is said.
func (a *app) revokeAtPlatform(ctx context.Context, f platformOnly, project, keyID, reason string) error {
	set, err := settings.ForClient(a.environ)
	if err != nil {
		return err
	}
	account, err := f.account(set, project)
	if err != nil {
		return err
	}
	key, err := breakglass.Find(ctx, all.Kinds(), account, keyID)
	if err != nil {
		return err
	}
	a.explain(key, account)
	if err := a.confirm(keyID); err != nil {
		return err
	}
	record := func(result string) {
		if err := breakglass.Record(set, a.stderr, key.Entry(service.ProcessUser(), reason, result)); err != nil {
			fmt.Fprintf(a.stderr, "NOT ON RECORD: %v\n", err)
		}
	}
	record("intent")
	if err := key.Revoke(ctx); err != nil {
		record("platform_unavailable")
		return err
	}
	record("ok")
	return a.print(brokenGlassView{KeyID: keyID, Name: key.Name, Deleted: time.Now().UTC(), SessionsEnded: key.EndsSessions, KeysLeft: key.Others, project: project})
}

// explain says what is about to happen, to whom, and what does not happen.
func (a *app) explain(key *breakglass.Key, account breakglass.Account) {
	sessions := "what its tokens have opened may play on at the platform"
	if key.EndsSessions {
		sessions = "the sessions that its tokens opened end"
	}
	fmt.Fprintf(a.stderr, "key %s, %q, is deleted at %s, where %d other keys stay\n"+
		"- every token signed with it is refused from then on, and %s\n"+
		"- the store does not learn of it: its private key stays, and until the store is back a serve that signs\n"+
		"  in memory goes on minting with it; those tokens are refused, too\n", key.ID, key.Name, account.Platform, key.Others, sessions)
}

// confirm asks a person at a terminal to name the key again. A script has named it
// and given a reason.
func (a *app) confirm(keyID string) error {
	terminal, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return nil
	}
	fmt.Fprint(a.stderr, "to go on, type the key's id:\n")
	line, err := bufio.NewReader(terminal).ReadString('\n')
	if strings.TrimSpace(line) != keyID || err != nil {
		return usageError{"not confirmed; nothing was changed"}
	}
	return nil
}

// brokenGlassView is the result.
type brokenGlassView struct {
	KeyID         string    `json:"key_id"`
	Name          string    `json:"name"`
	Deleted       time.Time `json:"deleted_at"`
	SessionsEnded bool      `json:"sessions_ended"`
	KeysLeft      int       `json:"keys_left"`

	project string
}

func (v brokenGlassView) table(w io.Writer) {
	fmt.Fprintf(w, "key %s is gone at the platform\n", v.KeyID)
	fmt.Fprintf(w, "as soon as the store is back: playtoken keys list --project %s shows its generation;\n", v.project)
	fmt.Fprintf(w, "playtoken keys revoke GENERATION --project %s --reason TEXT takes it out of use at once and destroys it.\n", v.project)
	fmt.Fprintln(w, "Otherwise a rotation sees at its second look that the key is missing, and another key signs from then on.")
}

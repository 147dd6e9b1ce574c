package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"playtoken/filekeys"
	"playtoken/secret"
	"playtoken/service"
	"playtoken/settings"
)

func (a *app) store() *cobra.Command {
	return group("store", "The file store: another password, and backups", a.rekey(), a.backup())
}

func (a *app) rekey() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "rekey", Short: "Change the password of the file store", Args: arguments(),
		Long: "Changes the password of the file store, and encrypts everything in it anew.\n" +
			"PLAYTOKEN_STORE_PASSWORD is the password it has until then. It is one step: if it\n" +
			"fails or is interrupted, the store has the old password, and nothing was changed.\n" +
			"Backups made before keep the old one.",
	}
	cmd.Flags().StringVar(&file, "new-password", "", "file with the new password, - for standard input (required)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		password, err := a.secretFrom("--new-password", file)
		if err != nil {
			return err
		}
		if err := filekeys.LongEnough(password); err != nil {
			return usageError{"--new-password: " + err.Error()}
		}
		return a.withService(cmd.Context(), false, func(s *service.Service) error {
			if err := s.Rekey(cmd.Context(), password); err != nil {
				return err
			}
			return a.print(rekeyedView{Rekeyed: s.Settings.StoreFile})
		})
	}
	return cmd
}

// secretFrom reads a secret from a file or from standard input, because every user
// of the machine can read a command line.
func (a *app) secretFrom(flag, file string) (secret.Value, error) {
	switch {
	case file == "":
		return secret.Value{}, usageError{flag + ": want a file, or - for standard input"}
	case file == "-":
		text, err := settings.SecretOf(a.stdin)
		if err != nil {
			return secret.Value{}, usageError{flag + ": standard input: " + err.Error()}
		}
		return secret.New(text), nil
	}
	text, err := settings.ReadSecret(file)
	if err != nil {
		return secret.Value{}, usageError{flag + ": " + err.Error()}
	}
	return secret.New(text), nil
}

func (a *app) backup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Write a copy of the file store, while serve runs", Args: arguments("FILE"),
		Long: "Writes a copy of the file store, as it is at one moment, to a new file. The password\n" +
			"of the store opens it, and nothing else does. To restore it, stop serve, put the copy\n" +
			"in the place of the store, and ask playtoken doctor what is missing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withService(cmd.Context(), false, func(s *service.Service) error {
				err := s.Backup(cmd.Context(), args[0])
				if errors.Is(err, fs.ErrExist) {
					return usageError{fmt.Sprintf("FILE: %s is there, and is not overwritten", args[0])}
				}
				if err != nil {
					return err
				}
				return a.print(backedUpView{Backup: args[0]})
			})
		},
	}
}

type rekeyedView struct {
	Rekeyed string `json:"rekeyed"`
}

func (v rekeyedView) table(w io.Writer) {
	fmt.Fprintf(w, "%s has the new password\n"+
		"now put the new password in the place of the old one, in PLAYTOKEN_STORE_PASSWORD or its file;\n"+
		"serve, and gates that share the store, need a restart unless they read it from a file\n", v.Rekeyed)
}

type backedUpView struct {
	Backup string `json:"backup"`
}

func (v backedUpView) table(w io.Writer) { fmt.Fprintf(w, "%s is a copy of the store\n", v.Backup) }

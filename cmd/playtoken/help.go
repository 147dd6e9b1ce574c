package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/manual"
)

func (a *app) completion() *cobra.Command {
	shells := slices.Sorted(maps.Keys(manual.Scripts))
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print what makes a shell complete verbs and flags", Args: arguments("SHELL"), ValidArgs: shells,
		Long: "Prints what makes a shell complete verbs and flags: bash, zsh or fish. In zsh, write it to a file\nnamed _playtoken in a folder of $fpath.",
		RunE: func(cmd *cobra.Command, args []string) error {
			script, known := manual.Scripts[args[0]]
			if !known {
				return usageError{"SHELL: want bash, zsh or fish"}
			}
			return script(cmd.Root())
		},
	}
}

func (a *app) man() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write a manual page for each verb into a folder", Args: arguments("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("write the manual pages: %w", err)
			}
			pages, err := manual.WritePages(args[0], cmd.Root(), buildVersion().Version)
			if err != nil {
				return fmt.Errorf("write the manual pages: %w", err)
			}
			return a.print(pagesView{Pages: pages})
		},
	}
}

type pagesView struct {
	Pages []string `json:"pages"`
}

func (v pagesView) table(w io.Writer) { fmt.Fprintf(w, "wrote %d pages\n", len(v.Pages)) }

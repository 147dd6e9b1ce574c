package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"playtoken/handlers"
	"playtoken/signer"
)

func (a *app) token() *cobra.Command {
	return group("token", "Playback tokens", a.tokenMint(), a.tokenInspect())
}

func (a *app) tokenMint() *cobra.Command {
	var project string
	var expiresIn time.Duration
	cmd := &cobra.Command{
		Use: "mint VIDEO_ID", Short: "Make a playback token", Args: arguments("VIDEO_ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("expires-in") && expiresIn <= 0 {
				return usageError{"--expires-in: want a duration like 10m"}
			}
			return a.withProject(cmd.Context(), project, func(w *works) error {
				token, err := w.minter.Mint(cmd.Context(), signer.Request{VideoID: args[0], TTL: expiresIn})
				if err != nil {
					return err
				}
				return a.print(tokenView(handlers.NewToken(token)))
			})
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "default, if not given")
	cmd.Flags().DurationVar(&expiresIn, "expires-in", 0, "life of the token; the project's default, if not given")
	return cmd
}

func (a *app) tokenInspect() *cobra.Command {
	var project, video string
	cmd := &cobra.Command{
		Use: "inspect [TOKEN|-]", Short: "Say whether the platform would accept a token, and why not",
		Long: "Says whether the platform would accept a token, and why not. The token is read from\n" +
			"standard input unless it is given; it tells nothing that its holder could not read.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{"want one token"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			token, err := a.tokenArgument(args)
			if err != nil {
				return err
			}
			return a.inspectToken(cmd.Context(), project, token, video)
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "default, if not given")
	cmd.Flags().StringVar(&video, "video", "", "the video that it should open; its own, if not given")
	return cmd
}

// maxTokenInput is far above what any verifier reads as a token.
const maxTokenInput = 64 << 10

func (a *app) tokenArgument(args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		return args[0], nil
	}
	data, err := io.ReadAll(io.LimitReader(a.stdin, maxTokenInput))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

func (a *app) inspectToken(ctx context.Context, project, token, video string) error {
	return a.withProject(ctx, project, func(w *works) error {
		said, err := w.inspect(ctx, token, video)
		if err != nil {
			return err
		}
		return a.print(inspectionView(said))
	})
}

type inspectionView handlers.Inspection

func (said inspectionView) table(w io.Writer) {
	if said.Valid {
		fmt.Fprintln(w, "the platform accepts this token")
	} else {
		fmt.Fprintf(w, "the platform refuses this token: %s\n%s\n", strings.Join(said.Reasons, ", "), said.Detail)
	}
	for _, part := range []map[string]any{said.Header, said.Claims} {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			fmt.Fprintf(w, "%s\t%s\n", name, spell(part[name]))
		}
	}
	if said.Key != nil {
		fmt.Fprintf(w, "key\tgeneration %d, %s\n", said.Key.Generation, said.Key.State)
	}
}

// spell writes the dates of a token, which are large round numbers, in full.
func spell(value any) string {
	if n, ok := value.(float64); ok && n == float64(int64(n)) {
		return fmt.Sprint(int64(n))
	}
	return fmt.Sprintf("%v", value)
}

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"playtoken/handlers"
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
			if cmd.Flags().Changed("expires-in") && (expiresIn <= 0 || expiresIn%time.Second != 0) {
				return usageError{"--expires-in: want a duration in whole seconds, like 10m"}
			}
			body := map[string]any{"video_id": args[0]}
			if cmd.Flags().Changed("expires-in") {
				body["expires_in"] = int64(expiresIn / time.Second)
			}
			return a.aboutToken(cmd.Context(), project, "", body, new(tokenView))
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "project id; default, if not given")
	cmd.Flags().DurationVar(&expiresIn, "expires-in", 0, "life of the token; the project's default, if not given")
	return cmd
}

func (a *app) tokenInspect() *cobra.Command {
	var project, video string
	cmd := &cobra.Command{
		Use: "inspect [TOKEN|-]", Short: "Say whether the platform would accept a token, and why not",
		Long: "Says whether the platform would accept a token, and why not; the exit code is 4 if it\n" +
			"would refuse it. The token is read from standard input unless it is given; it tells\n" +
			"nothing that its holder could not read.",
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
			body := map[string]any{"token": token}
			if video != "" {
				body["video_id"] = video
			}
			said := new(inspectionView)
			if err := a.aboutToken(cmd.Context(), project, "/inspect", body, said); err != nil || said.Valid {
				return err
			}
			return tokenRefused{said.Reasons}
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "project id; default, if not given")
	cmd.Flags().StringVar(&video, "video", "", "the video that it should open; its own, if not given")
	return cmd
}

// maxTokenInput is far above what any verifier reads as a token.
const maxTokenInput = 64 << 10

func (a *app) tokenArgument(args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" && args[0] != "" {
		return args[0], nil
	}
	data, err := io.ReadAll(io.LimitReader(a.stdin, maxTokenInput))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", usageError{"missing TOKEN: standard input is empty"}
	}
	return token, nil
}

// aboutToken makes a request about playback tokens of a project and prints the
// response as a view.
func (a *app) aboutToken(ctx context.Context, project, below string, body map[string]any, view tabled) error {
	return a.withAPI(ctx, false, func(door *localAPI) error {
		id, err := door.project(project)
		if err != nil {
			return err
		}
		body["project_id"] = id
		err = door.call(ctx, apiRequest{method: http.MethodPost, path: "/v1/playback-tokens" + below, body: body}, view)
		if err != nil {
			return err
		}
		return a.print(view)
	})
}

// tokenRefused is the end of an inspection of a token that opens nothing.
type tokenRefused struct{ reasons []string }

func (e tokenRefused) Error() string {
	return "the token would be refused: " + strings.Join(e.reasons, ", ")
}

type inspectionView handlers.Inspection

func (v inspectionView) table(w io.Writer) {
	if v.Valid {
		fmt.Fprintln(w, "the platform accepts this token")
	} else {
		fmt.Fprintf(w, "the platform refuses this token: %s\n%s\n", strings.Join(v.Reasons, ", "), v.Detail)
	}
	for _, advice := range v.Advice {
		fmt.Fprintf(w, "%s: %s\n", advice.Code, advice.Detail)
	}
	for _, part := range []map[string]any{v.Header, v.Claims} {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			fmt.Fprintf(w, "%s\t%s\n", name, spell(part[name]))
		}
	}
	if v.Key != nil {
		fmt.Fprintf(w, "key\tgeneration %d, %s\n", v.Key.Generation, v.Key.State)
	}
}

// spell writes the dates of a token, which are large round numbers, in full.
func spell(value any) string {
	if n, ok := value.(float64); ok && n == float64(int64(n)) {
		return fmt.Sprint(int64(n))
	}
	return fmt.Sprintf("%v", value)
}

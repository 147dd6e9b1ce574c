package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/remedies"
	"playtoken/demo"
)

func (a *app) demo() *cobra.Command {
	var listen, data string
	cmd := &cobra.Command{
		Use: "demo", Short: "Everything in one process on this machine, with a sample video", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := demo.Run(cmd.Context(), demo.Options{
				Listen: listen, Data: data, Environ: a.environ, Stderr: a.stderr, Log: a.log(), Build: buildVersion().build(), Doctor: remedies.NewExaminer,
				Ready: func(running demo.Running) error { return a.print(viewDemo(running)) },
			})
			if wrong, ok := errors.AsType[*demo.InvalidOption](err); ok {
				return usageError{"--" + wrong.Error()}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "loopback address of the service; the gate takes the next port")
	cmd.Flags().StringVar(&data, "data", "", "folder to keep the keys in; a temporary one, if not given")
	return cmd
}

type demoView struct {
	Player   string `json:"player"`
	Console  string `json:"console,omitempty"` // opens it once; only if the settings have a console
	Service  string `json:"service"`
	Gate     string `json:"gate"`
	APIKey   string `json:"api_key"`
	AdminKey string `json:"admin_key,omitempty"` // only if it was made for this run
	Curl     string `json:"curl"`
}

func viewDemo(r demo.Running) demoView {
	return demoView{
		Player: r.Service + "/demo/", Console: r.Console, Service: r.Service, Gate: r.Gate, APIKey: r.APIKey, AdminKey: r.AdminKey,
		Curl: "curl -sS " + r.Service + "/v1/playback-tokens -H " + quoted("Authorization: Bearer "+r.APIKey) +
			" -H 'Content-Type: application/json' -d " + quoted(`{"video_id":"`+r.VideoID+`"}`),
	}
}

// quoted is a word for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (v demoView) table(w io.Writer) {
	for _, row := range [][2]string{
		{"player", v.Player}, {"console (once)", v.Console}, {"service", v.Service}, {"gate", v.Gate}, {"API key", v.APIKey}, {"admin key", v.AdminKey},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	fmt.Fprintf(w, "\nA token for the sample video:\n\n%s\n\nStop with Ctrl-C.\n", v.Curl)
}

package keyfile

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"playtoken/platforms/cdni"
)

// Forms of a verifier's file of keys.
const (
	jwkSet        = "jwks"
	trafficServer = "trafficserver"
)

// Command is the verb that keeps a file. It needs no store and no credential, because
// the keys are public. Arguments checks that there are a URL and a file, and usage
// makes the error of a command line that cannot be understood.
func Command(stderr io.Writer, arguments cobra.PositionalArgs, usage func(text string) error) *cobra.Command {
	var f File
	var form string
	var cdn cdni.TrafficServer
	cmd := &cobra.Command{
		Use: "fetch URL FILE", Short: "Keep a verifier's file of public keys as they are published", Args: arguments,
		Long: "Fetches a project's public keys from URL (…/v1/projects/PROJECT_ID/jwks.json), replaces\n" +
			"FILE in whole if they have changed, and runs a command that has the verifier read it. If\n" +
			"that fails, the next run tries again. Where no keys can be fetched, FILE stays as it is.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			f.URL, f.Path, f.Secret = args[0], args[1], cdn.Renews
			if f.Config, err = configOf(form, cdn, usage); err != nil {
				return err
			}
			told, err := f.Refresh(cmd.Context())
			if err == nil && told {
				fmt.Fprintln(stderr, "the keys are new")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&form, "format", jwkSet, "what FILE is: jwks, or trafficserver (configuration of the plugin uri_signing)")
	cmd.Flags().StringVar(&f.Reload, "reload", "", "command that has the verifier read FILE, for the shell")
	cmd.Flags().StringVar(&cdn.Issuer, "issuer", "", "for trafficserver: the issuer of the project's tokens (required)")
	cmd.Flags().StringVar(&cdn.Audience, "audience", "", "for trafficserver: the audience of the project's tokens, if they have one")
	cmd.Flags().BoolVar(&cdn.Renews, "renews", false, "for trafficserver: it renews tokens, with a key of its own that is made once, in FILE")
	return cmd
}

// configOf says how the file is made.
func configOf(form string, cdn cdni.TrafficServer, usage func(string) error) (func(set, replaced []byte) ([]byte, error), error) {
	switch {
	case form != jwkSet && form != trafficServer:
		return nil, usage("--format: want jwks or trafficserver")
	case form == trafficServer && cdn.Issuer == "":
		return nil, usage("--issuer: say the issuer of the project's tokens")
	case form == trafficServer:
		return cdn.Config, nil
	case cdn != cdni.TrafficServer{}:
		return nil, usage("--issuer, --audience and --renews are for --format trafficserver")
	}
	return cdni.PublicSet, nil
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/handlers"
)

func (a *app) platforms() *cobra.Command {
	cmd := &cobra.Command{Use: "platforms", Short: "What a project on each platform says about its account, and what it can do", Args: arguments()}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withAPI(cmd.Context(), false, func(door *localAPI) error {
			var list handlers.PlatformList
			if err := door.call(cmd.Context(), apiRequest{method: http.MethodGet, path: "/v1/platforms"}, &list); err != nil {
				return err
			}
			return a.print(platformsView{list})
		})
	}
	return cmd
}

// platformsView has a row for each member. Its rows end with what the platform can
// do.
type platformsView struct{ handlers.PlatformList }

func (v platformsView) table(w io.Writer) {
	fmt.Fprintln(w, "PLATFORM\tFLAG\tNAME\tNEEDED\tMEANING")
	for _, kind := range v.Items {
		for _, m := range kind.Members {
			flag, needed := "--setting", "-"
			if m.Secret {
				flag = "--credential"
			}
			if m.Required {
				needed = "yes"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", kind.Name, flag, m.Name, needed, m.Meaning)
		}
	}
	fmt.Fprintln(w, "\nPLATFORM\tKEYS ARE\tKINDS OF KEYS\tMOST KEYS\tLONGEST TOKEN\tENDS SESSIONS")
	for _, kind := range v.Items {
		can := kind.Capabilities
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", kind.Name, joined(can.Ways), joined(can.KeyKinds),
			atMost(can.MaxKeys, ""), atMost(can.MaxTTL, " s"), map[bool]string{true: "yes", false: "-"}[can.EndsSessions])
	}
}

// joined is a list in one cell.
func joined[T ~string](list []T) string {
	var text []string
	for _, word := range list {
		text = append(text, strings.ReplaceAll(string(word), "_", " "))
	}
	return cmp.Or(strings.Join(text, ", "), "-")
}

// atMost shows a number that may be unknown.
func atMost[T int | int64](n *T, unit string) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n) + unit
}

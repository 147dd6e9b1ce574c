package main

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/body"
	"playtoken/platforms/all"
	"playtoken/projects"
)

// The verbs project and api-key are the Admin API without a network: each is
// one request to the same handlers, so that both check, record and answer
// alike.

func (a *app) project() *cobra.Command {
	return group("project", "Projects: accounts at platforms, each with its own keys and callers",
		a.lister("list", "/v1/projects", false),
		a.counter("/v1/projects/count", false),
		a.projectVerb("show PROJECT_ID", "One project", http.MethodGet, false),
		a.projectChange("create", "Make a project", http.MethodPost),
		a.projectChange("update PROJECT_ID", "Change a project; what is not named stays", http.MethodPatch),
		a.projectCheck(),
		a.projectVerb("delete PROJECT_ID", "Delete a project and its API keys", http.MethodDelete, true))
}

func (a *app) apiKey() *cobra.Command {
	return group("api-key", "API keys: what callers present",
		a.lister("list", "/api-keys", true),
		a.counter("/api-keys/count", true),
		a.apiKeyVerb("show API_KEY_ID", "One API key, without its value", http.MethodGet, ""),
		a.apiKeyChange("create", "Make an API key; its value is shown this once", http.MethodPost),
		a.apiKeyChange("update API_KEY_ID", "Change an API key; what is not named stays", http.MethodPatch),
		a.apiKeyVerb("end-tokens API_KEY_ID", "End every access and refresh token of an API key; the key stays", http.MethodDelete, "/tokens"),
		a.apiKeyVerb("delete API_KEY_ID", "Delete an API key, and end its tokens", http.MethodDelete, ""))
}

func (a *app) adminKey() *cobra.Command {
	remove := body.ReasonFlag(&cobra.Command{Use: "delete ADMIN_KEY_ID", Short: "Delete an admin key", Args: arguments("ADMIN_KEY_ID")})
	remove.RunE = func(cmd *cobra.Command, args []string) error {
		return a.ask(cmd.Context(), apiRequest{method: http.MethodDelete, path: "/v1/admin-keys/" + url.PathEscape(args[0]), body: body.Because(cmd, nil)})
	}
	return group("admin-key", "Admin keys: what operators present, each with a name and a role",
		a.adminKeyCreate(), a.lister("list", "/v1/admin-keys", false), remove)
}

func (a *app) adminKeyCreate() *cobra.Command {
	cmd := body.ReasonFlag(&cobra.Command{Use: "create", Short: "Make an admin key; its value is shown this once", Args: arguments()})
	body.TextFlags(cmd, [][2]string{
		{"name", "whose it is"}, {"role", "admin, operator (keys and rotation) or auditor (reads)"},
		{"expires-at", "when it ends, as 2030-01-31T00:00:00Z"},
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		key := map[string]any{}
		body.AddTexts(cmd, key, "name", "role", "expires-at")
		return a.ask(cmd.Context(), apiRequest{method: http.MethodPost, path: "/v1/admin-keys", body: body.Because(cmd, key)})
	}
	return cmd
}

// inProject adds the flag that says whose, and returns where that is.
func inProject(cmd *cobra.Command) func() string {
	project := cmd.Flags().String("project", "default", "project id")
	return func() string { return "/v1/projects/" + url.PathEscape(*project) }
}

// lister is a verb that shows a page of a list.
func (a *app) lister(use, path string, ofProject bool) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: "A page of the list", Args: arguments()}
	above := func() string { return "" }
	if ofProject {
		above = inProject(cmd)
	}
	body.TextFlags(cmd, [][2]string{
		{"name", "only names that contain this"}, {"page-size", "1 to 100"}, {"page", "from 1"},
		{"sort-by", "created_at or name"}, {"sort-order", "asc or desc"}, {"cursor", "of a link to another page"},
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{}
		for _, name := range []string{"name", "page-size", "page", "sort-by", "sort-order", "cursor"} {
			if value, _ := cmd.Flags().GetString(name); cmd.Flags().Changed(name) {
				query.Set(strings.ReplaceAll(name, "-", "_"), value)
			}
		}
		return a.ask(cmd.Context(), apiRequest{method: http.MethodGet, path: above() + path, query: query})
	}
	return cmd
}

func (a *app) counter(path string, ofProject bool) *cobra.Command {
	cmd := &cobra.Command{Use: "count", Short: "How many there are", Args: arguments()}
	above := func() string { return "" }
	if ofProject {
		above = inProject(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.ask(cmd.Context(), apiRequest{method: http.MethodGet, path: above() + path})
	}
	return cmd
}

func (a *app) projectVerb(use, short, method string, deletes bool) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: arguments("PROJECT_ID")}
	revoke, override := new(bool), new(bool)
	if deletes {
		override = overriding(body.ReasonFlag(cmd))
		revoke = cmd.Flags().Bool("revoke", false, "even if its signing keys are live: revoke them, and lose their tokens")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		query := url.Values{}
		for name, given := range map[string]bool{"revoke": *revoke, "override": *override} {
			if given {
				query.Set(name, "true")
			}
		}
		err := a.ask(cmd.Context(), apiRequest{method: method, path: "/v1/projects/" + url.PathEscape(args[0]), query: query, body: body.Because(cmd, nil)})
		if p, ok := errors.AsType[*apiProblem](err); ok && deletes && !*revoke && p.Code == "conflict" && args[0] != projects.Default {
			p.Remedy = "to revoke its signing keys and lose their tokens: playtoken project delete " + args[0] + " --revoke"
		}
		return err
	}
	return cmd
}

func (a *app) apiKeyVerb(use, short, method, below string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: arguments("API_KEY_ID")}
	above := inProject(cmd)
	if method == http.MethodDelete {
		body.ReasonFlag(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.ask(cmd.Context(), apiRequest{method: method, path: above() + "/api-keys/" + url.PathEscape(args[0]) + below, body: body.Because(cmd, nil)})
	}
	return cmd
}

// projectChange makes or changes a project.
func (a *app) projectChange(use, short, method string) *cobra.Command {
	names := strings.Fields(use)[1:]
	cmd := body.ReasonFlag(&cobra.Command{Use: use, Short: short, Args: arguments(names...)})
	given := body.ProjectFlags(cmd, a.stdin, platformNames(), method == http.MethodPatch, usage)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change, err := given.Body()
		if err != nil {
			return err
		}
		path := strings.Join(append([]string{"/v1/projects"}, args...), "/")
		return a.ask(cmd.Context(), apiRequest{method: method, path: path, body: body.Because(cmd, change)})
	}
	return cmd
}

func platformNames() string { return strings.Join(slices.Sorted(maps.Keys(all.Kinds())), ", ") }

func (a *app) apiKeyChange(use, short, method string) *cobra.Command {
	names := strings.Fields(use)[1:]
	cmd := body.ReasonFlag(&cobra.Command{Use: use, Short: short, Args: arguments(names...)})
	above := inProject(cmd)
	body.TextFlags(cmd, [][2]string{{"name", "a name for people"}, {"description", "more about it"}, {"expires-at", "when it ends, as 2030-01-31T00:00:00Z; empty: never"}})
	lists := [][2]string{
		{"scope", "mint, keys or read"}, {"video", "a video's id, or the beginning of ids and then *; empty: every video"},
		{"network", "it may be used from, as 192.0.2.0/24; empty: every network"},
	}
	for _, flag := range lists {
		cmd.Flags().StringSlice(flag[0], nil, flag[1]+"; may be given more than once")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change := map[string]any{}
		body.AddTexts(cmd, change, "name", "description", "expires-at")
		for _, flag := range lists {
			if values, _ := cmd.Flags().GetStringSlice(flag[0]); cmd.Flags().Changed(flag[0]) {
				change[flag[0]+"s"] = values
			}
		}
		path := strings.Join(append([]string{above() + "/api-keys"}, args...), "/")
		return a.ask(cmd.Context(), apiRequest{method: method, path: path, body: body.Because(cmd, change)})
	}
	return cmd
}

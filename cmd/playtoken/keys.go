package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/keyfile"
	"playtoken/handlers"
)

// keyVerb is a verb on the signing keys of one project, which is one request.
type keyVerb struct {
	use, short string
	method     string
	path       string // below the project; %s is the verb's argument
	changes    bool   // needs a reason for the record
	confirms   bool   // may name the key's id at the platform, or say that the key was removed
	waits      bool   // may have to wait for a second operator
	missing    string // what to do where there is no such project or key

	// view returns a pointer to what the response is decoded into. Foreseen is the
	// same for the dry run, which is a GET of the path; nil: there is no dry run.
	view, foreseen func(project string) tabled
}

const (
	findProject = "playtoken project list shows the projects"
	findKey     = "playtoken keys list shows the signing keys, playtoken project list the projects"
	findForeign = "playtoken doctor shows the keys at the platform that are not ours, playtoken project list the projects"
)

func (a *app) keys() *cobra.Command {
	get, post := http.MethodGet, http.MethodPost
	moved := func(project string) tabled { return &rotatedView{ProjectID: project} }
	verbs := []keyVerb{
		{use: "list", short: "All signing keys, newest first", method: get, path: "/signing-keys", missing: findProject,
			view: func(string) tabled { return new(keyListView) }},
		{use: "show GENERATION", short: "One signing key, with its public half", method: get, path: "/signing-keys/%s", missing: findKey,
			view: func(string) tabled { return new(keyView) }},
		{use: "activate GENERATION", short: "Sign with a registered key from now on", changes: true,
			method: post, path: "/signing-keys/%s/activate", missing: findKey, view: moved},
		{use: "rollback GENERATION", short: "Sign with a retiring key again", changes: true,
			method: post, path: "/signing-keys/%s/rollback", missing: findKey, view: moved},
		{use: "release GENERATION", short: "End a key's quarantine", changes: true,
			method: post, path: "/signing-keys/%s/release", missing: findKey, view: moved},
		{use: "export GENERATION", short: "Print a public key, to be taken to a verifier", method: get, path: "/signing-keys/%s", missing: findKey,
			view: func(string) tabled { return new(exportedView) }},
		{use: "confirm GENERATION", short: "Say that the platform, or every verifier, has a key", changes: true, confirms: true,
			method: post, path: "/signing-keys/%s/confirm", missing: findKey, view: moved},
		{use: "revoke GENERATION", short: "Stop a compromised key everywhere, now; its tokens are lost", changes: true, waits: true,
			method: post, path: "/signing-keys/%s/revoke", missing: findKey,
			view: func(string) tabled { return new(revocationView) }, foreseen: func(string) tabled { return new(foreseenView) }},
		{use: "remove-unmanaged KEY_ID", short: "Delete a key at the platform that is not ours", changes: true, waits: true,
			method: http.MethodDelete, path: "/platform-keys/%s", missing: findForeign,
			view: func(string) tabled { return new(removedView) }},
	}
	commands := make([]*cobra.Command, len(verbs))
	for i, verb := range verbs {
		commands[i] = a.keyCommand(verb)
		if strings.HasPrefix(verb.use, "revoke ") {
			a.alsoAtPlatform(commands[i])
		}
	}
	return group("keys", "Signing keys: look at them, and move them by hand", append(commands, keyfile.Command(a.stderr, arguments("URL", "FILE"), usage))...)
}

// keyFlags is the command line of a keyVerb.
type keyFlags struct {
	project, reason, keyID string
	override               *bool
	dryRun, removed        bool
}

func (a *app) keyCommand(v keyVerb) *cobra.Command {
	f := keyFlags{override: new(bool)}
	cmd := &cobra.Command{Use: v.use, Short: v.short, Args: arguments(strings.Fields(v.use)[1:]...)}
	cmd.Flags().StringVar(&f.project, "project", "", "project id; default, if not given")
	if v.changes {
		cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the record (required)")
	}
	if v.waits {
		f.override = overriding(cmd)
	}
	if v.confirms {
		cmd.Flags().StringVar(&f.keyID, "key-id", "", "under which id the platform has it, if keys show does not know")
		cmd.Flags().BoolVar(&f.removed, "removed", false, "say that every verifier has it no more")
	}
	if v.foreseen != nil {
		cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be lost and which key would take over, and change nothing")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path, err := v.pathOf(args)
		if err != nil {
			return err
		}
		if f.dryRun {
			return a.aboutKeys(cmd.Context(), f.project, apiRequest{method: http.MethodGet, path: path, missing: v.missing}, v.foreseen)
		}
		q := apiRequest{method: v.method, path: path, missing: v.missing}
		if v.changes {
			if q.body, err = f.body(); err != nil {
				return err
			}
		}
		return a.aboutKeys(cmd.Context(), f.project, q, v.view)
	}
	return cmd
}

// body is that of a change.
func (f keyFlags) body() (map[string]any, error) {
	if f.reason == "" {
		return nil, usageError{"--reason: say why, for the record"}
	}
	body := map[string]any{"reason": f.reason}
	if f.keyID != "" {
		body["key_id"] = f.keyID
	}
	if f.removed {
		body["removed"] = true
	}
	if *f.override {
		body["override"] = true
	}
	return body, nil
}

// maxGeneration is the largest number that the API takes for a generation.
const maxGeneration = 999_999_999

// pathOf is the verb's path with its argument, below the project.
func (v keyVerb) pathOf(args []string) (string, error) {
	switch {
	case len(args) == 0:
		return v.path, nil
	case !strings.HasSuffix(v.use, "GENERATION"):
		// A platform's id may have slashes, which the API takes as they are.
		return fmt.Sprintf(v.path, strings.ReplaceAll(url.PathEscape(args[0]), "%2F", "/")), nil
	}
	generation, err := strconv.ParseUint(args[0], 10, 31)
	if err != nil || generation == 0 || generation > maxGeneration {
		return "", usageError{"GENERATION: want a number like 3, as keys list shows it"}
	}
	return fmt.Sprintf(v.path, strconv.FormatUint(generation, 10)), nil
}

// aboutKeys makes a request about the keys of a project, whose path is put
// before the request's, and prints the response.
func (a *app) aboutKeys(ctx context.Context, project string, q apiRequest, view func(project string) tabled) error {
	return a.withAPI(ctx, false, func(door *localAPI) error {
		id, err := door.project(project)
		if err != nil {
			return err
		}
		q.path = projectPath(id) + q.path
		shown := view(id)
		if err := door.call(ctx, q, shown); err != nil {
			return err
		}
		if checked, ok := shown.(interface{ unfit() error }); ok {
			if err := checked.unfit(); err != nil {
				return err
			}
		}
		if err := a.print(shown); err != nil {
			return err
		}
		if act, ok := shown.(interface{ unfinished() handlers.Unfinished }); ok && act.unfinished().Pending != nil {
			return newUnfinished(act.unfinished())
		}
		return nil
	})
}

func projectPath(id string) string { return "/v1/projects/" + url.PathEscape(id) }

// unfinished is a change that took effect and is not done everywhere, because of a
// problem.
type unfinished struct{ problem *apiProblem }

func newUnfinished(left handlers.Unfinished) error {
	return unfinished{&apiProblem{Code: left.Code, NeedsOperator: left.NeedsOperator}}
}

func (e unfinished) Error() string {
	text := "the act is recorded but not finished: the next rotation goes on with it"
	if e.problem.NeedsOperator {
		text += ", and fails until an operator has mended what playtoken doctor shows"
	}
	return text
}

func (e unfinished) Unwrap() error { return e.problem }

type removedView struct {
	Removed string `json:"removed"`
}

func (v removedView) table(w io.Writer) { fmt.Fprintf(w, "removed %s\n", v.Removed) }

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/remedies"
	"playtoken/settings"
	"playtoken/vaultkeys"
)

func (a *app) vault() *cobra.Command {
	return group("vault", "What playtoken needs in HashiCorp Vault", a.vaultSetup(), a.vaultPolicy())
}

// setupFlags is the command line of vault setup.
type setupFlags struct {
	approle, kubernetes, audience string
	accounts                      [3][]string // NAMESPACE/NAME, as accountFlags has the roles
	memory                        bool
}

// accountFlags name the service accounts of each role.
var accountFlags = [3]struct {
	role       vaultkeys.Role
	name, help string
}{
	{role: vaultkeys.Rotator, name: "service-account", help: "NAMESPACE/NAME that may log in with --kubernetes, to mint and rotate; can be repeated"},
	{role: vaultkeys.Signer, name: "signer-service-account", help: "the same for replicas that only mint"},
	{role: vaultkeys.Gate, name: "gate-service-account", help: "the same for gates that share this Vault, which cannot sign"},
}

func (a *app) vaultSetup() *cobra.Command {
	var f setupFlags
	cmd := &cobra.Command{
		Use: "setup", Short: "Make mounts, policies and, if asked, login roles; a second run changes nothing", Args: arguments(),
		Long: "Makes the two mounts and the policies and, if asked, roles to log in with.\n" +
			"Needs VAULT_ADDR and the VAULT_TOKEN of an operator of Vault. Prints what to do next.",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.setUpVault(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.approle, "approle", "", "make AppRole roles, at this path")
	flags.StringVar(&f.kubernetes, "kubernetes", "", "make Kubernetes roles, at this path")
	flags.Lookup("approle").NoOptDefVal, flags.Lookup("kubernetes").NoOptDefVal = "approle", "kubernetes"
	for i, of := range accountFlags {
		flags.StringArrayVar(&f.accounts[i], of.name, nil, of.help)
	}
	flags.StringVar(&f.audience, "audience", "", "that tokens of service accounts must be made for")
	memorySigning(cmd, &f.memory)
	return cmd
}

func memorySigning(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "memory-signing", false, "let private keys leave Vault, for PLAYTOKEN_SIGNING=memory")
}

func (f setupFlags) setup() (vaultkeys.Setup, error) {
	wanted := vaultkeys.Setup{
		AppRole: f.approle, Kubernetes: f.kubernetes, Audience: f.audience, MemorySigning: f.memory, Accounts: map[vaultkeys.Role][]vaultkeys.Account{},
	}
	for i, of := range accountFlags {
		accounts, err := readAccounts("--"+of.name, f.accounts[i])
		if err != nil {
			return wanted, err
		}
		wanted.Accounts[of.role] = accounts
		if len(accounts) > 0 && f.kubernetes == "" {
			return wanted, usageError{"--" + of.name + " needs --kubernetes"}
		}
	}
	if f.kubernetes != "" && len(wanted.Accounts[vaultkeys.Rotator]) == 0 {
		return wanted, usageError{"--kubernetes needs --service-account"}
	}
	return wanted, nil
}

// admits reports whether accounts were named for a role.
func (f setupFlags) admits(role vaultkeys.Role) bool {
	for i, of := range accountFlags {
		if of.role == role {
			return len(f.accounts[i]) > 0
		}
	}
	return false
}

func readAccounts(flag string, texts []string) (accounts []vaultkeys.Account, err error) {
	for _, text := range texts {
		namespace, name, ok := strings.Cut(text, "/")
		if !ok {
			return nil, usageError{flag + ": want NAMESPACE/NAME"}
		}
		accounts = append(accounts, vaultkeys.Account{Namespace: namespace, Name: name})
	}
	return accounts, nil
}

func (a *app) setUpVault(cmd *cobra.Command, f setupFlags) error {
	wanted, err := f.setup()
	if err != nil {
		return err
	}
	c, err := settings.ForOperator(a.environ)
	if err != nil {
		return err
	}
	vault, err := vaultkeys.Open(cmd.Context(), vaultkeys.Config{
		Address: c.Vault.Address, Token: c.Vault.Token, Transit: c.Vault.Transit, KV: c.Vault.KV, Log: a.log(),
	})
	if err != nil {
		return settings.Error{err}
	}
	defer vault.Close()
	defer a.working()()
	report, err := vault.Setup(cmd.Context(), wanted)
	if err != nil {
		return withMountRemedy(err)
	}
	return a.print(viewSetup(report, f, c))
}

// withMountRemedy adds to the error of a mount that cannot be used how to choose
// another path.
func withMountRemedy(err error) error {
	wrong, ok := errors.AsType[*vaultkeys.WrongMount](err)
	if !ok {
		return err
	}
	setting := map[string]string{"transit": "PLAYTOKEN_VAULT_TRANSIT", "kv": "PLAYTOKEN_VAULT_KV"}[wrong.Engine]
	remedy := "choose another path with " + cmp.Or(setting, "--"+wrong.Engine+"=PATH")
	if wrong.OldKV {
		remedy += ", or convert it with: vault kv enable-versioning " + wrong.Path
	}
	return fmt.Errorf("%w; %s", err, remedy)
}

type setupView struct {
	Changed bool                      `json:"changed"`
	Steps   []vaultkeys.Step          `json:"steps"`
	RoleIDs map[vaultkeys.Role]string `json:"role_ids,omitempty"` // of AppRole; no secrets
	Next    []nextStep                `json:"next"`
}

// nextStep is something for the operator to do, or to choose from.
type nextStep struct {
	Why      string   `json:"why"`
	Commands []string `json:"commands"` // for a shell
}

func viewSetup(report vaultkeys.Report, f setupFlags, c settings.Settings) setupView {
	v := setupView{Steps: report.Steps, RoleIDs: report.RoleIDs}
	v.Changed = slices.ContainsFunc(report.Steps, func(s vaultkeys.Step) bool { return s.Change != "unchanged" })
	if report.KubernetesUnconfigured {
		v.Next = append(v.Next, nextStep{"Vault does not know the cluster yet; where it runs in it, this is enough", []string{
			"vault write auth/" + f.kubernetes + "/config kubernetes_host=https://kubernetes.default.svc"}})
	}
	mounts := remedies.MountSettings(c.Vault)
	v.Next = append(v.Next, logins(vaultkeys.Rotator, "serve, and rotate from cron", report, f, mounts)...)
	v.Next = append(v.Next, logins(vaultkeys.Signer, "replicas of serve that mint and leave the keys to others", report, f, mounts)...)
	v.Next = append(v.Next, logins(vaultkeys.Gate, "gates that share this Vault", report, f, mounts+" PLAYTOKEN_GATE_STORE=vault")...)
	return v
}

// logins are the settings of a process with a role, for each way to log in.
func logins(role vaultkeys.Role, who string, report vaultkeys.Report, f setupFlags, mounts string) (steps []nextStep) {
	if f.approle != "" {
		steps = append(steps, nextStep{who + " (AppRole; a secret id is a secret)", []string{
			"export PLAYTOKEN_VAULT_AUTH=approle" + atPath(f.approle, "approle") + " PLAYTOKEN_VAULT_ROLE_ID=" + report.RoleIDs[role] + mounts,
			`export PLAYTOKEN_VAULT_SECRET_ID="$(vault write -f -field=secret_id auth/` + f.approle + `/role/` + role.Name() + `/secret-id)"`,
		}})
	}
	if f.kubernetes != "" && f.admits(role) {
		steps = append(steps, nextStep{who + " (Kubernetes; environment of the pod)", []string{
			"export PLAYTOKEN_VAULT_AUTH=kubernetes" + atPath(f.kubernetes, "kubernetes") + " PLAYTOKEN_VAULT_ROLE=" + role.Name() + mounts,
		}})
	}
	if f.approle == "" && f.kubernetes == "" {
		create := `export VAULT_TOKEN="$(vault token create -orphan -no-default-policy -policy=` + role.Name() + ` -period=24h -field=token)"`
		steps = []nextStep{{who + " (a token, renewed while the process runs)", []string{create + mounts}}}
	}
	return steps
}

func atPath(path, usual string) string {
	if path == usual {
		return ""
	}
	return " PLAYTOKEN_VAULT_AUTH_PATH=" + path
}

func (v setupView) table(w io.Writer) {
	for _, s := range v.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Change, s.What, s.Path)
		if s.Note != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", s.Note)
		}
	}
	if !v.Changed {
		fmt.Fprintln(w, "\nNothing had to be changed.")
	}
	fmt.Fprintln(w, "\nNext:")
	for _, next := range v.Next {
		fmt.Fprintf(w, "\n# %s\n%s\n", next.Why, strings.Join(next.Commands, "\n"))
	}
}

func (a *app) vaultPolicy() *cobra.Command {
	var memory bool
	cmd := &cobra.Command{
		Use: "policy [signer|rotator|gate]", Short: "Print the policies that setup makes, without a call to Vault",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && !slices.Contains(vaultkeys.Roles(), vaultkeys.Role(args[0])) {
				return usageError{"want signer, rotator, gate or, for all of them, nothing"}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := settings.ForOperator(a.environ)
			if err != nil {
				return err
			}
			access := vaultkeys.Access{Transit: c.Vault.Transit, KV: c.Vault.KV, MemorySigning: memory}
			var v policiesView
			for _, role := range vaultkeys.Roles() {
				if len(args) == 0 || args[0] == string(role) {
					v.Policies = append(v.Policies, policyView{role.Name(), access.Policy(role)})
				}
			}
			return a.print(v)
		},
	}
	memorySigning(cmd, &memory)
	return cmd
}

type policyView struct {
	Name   string `json:"name"`
	Policy string `json:"policy"` // in Vault's HCL
}

type policiesView struct {
	Policies []policyView `json:"policies"`
}

func (v policiesView) table(w io.Writer) {
	for i, p := range v.Policies {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprint(w, p.Policy)
	}
}

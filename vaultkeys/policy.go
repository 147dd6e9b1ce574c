package vaultkeys

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Role is what a process may do. A rotator may do all that a signer may.
type Role string

// The roles. A process without rotator rights mints, and leaves the keys to
// others.
const (
	Signer  Role = "signer"
	Rotator Role = "rotator"
)

// Roles lists them, the smaller one first.
func Roles() []Role { return []Role{Signer, Rotator} }

// Name is that of the role's policy, and of the role at a login method.
func (r Role) Name() string { return "playtoken-" + string(r) }

// Access is what policies are about.
type Access struct {
	Transit, KV   string // mounts
	MemorySigning bool   // private keys may leave Vault, to be kept in memory
}

// rule is one path of a policy. In paths, + stands for one segment.
type rule struct {
	why          string
	path         string
	capabilities []string
	parameters   string // HCL; empty allows all
}

// signerReads are the kinds of documents without which nobody can mint, or
// tell who is calling.
var signerReads = []struct{ kind, why string }{
	{"ring", "know which key signs"},
	{"issued", "sign with what platforms issued"},
	{"project", "know what projects allow"},
	{"origin", "know the pages that may call"},
	{"index", "know which projects there are"},
	{"apikey", "know who is calling"},
	{"jwks", "verify access tokens"},
	{"deployment", "derive the deployment's own secrets"},
}

// signerWrites are the kinds that somebody who only mints has to write.
var signerWrites = []struct{ kind, why string }{
	{"use", "note when an API key was used"},
	{"families", "know an API key's refresh families"},
	{"family", "let each refresh token work once"},
}

func (a Access) sign() []rule {
	rules := []rule{{"sign", a.Transit + "/sign/+/sha2-256", []string{"update"}, ""}}
	if a.MemorySigning {
		rules = append(rules, rule{"load private keys, to sign in memory", a.Transit + "/export/signing-key/+/1", []string{"read"}, ""})
	}
	return rules
}

func (a Access) serve() (rules []rule) {
	for _, d := range signerReads {
		rules = append(rules, rule{d.why, a.KV + "/data/" + d.kind + "/+", []string{"read"}, ""})
	}
	for _, d := range signerWrites {
		rules = append(rules, rule{d.why, a.KV + "/data/" + d.kind + "/+", []string{"create", "update", "read"}, ""})
	}
	return append(rules, rule{"drop the oldest refresh family", a.KV + "/metadata/family/+", []string{"delete"}, ""})
}

func (a Access) rotate() []rule {
	exportable := "false"
	if a.MemorySigning {
		exportable = "true, false"
	}
	return []rule{
		{"make keys, look at them, destroy them", a.Transit + "/keys/+", []string{"create", "update", "read", "delete"}, `
    "type"                   = ["rsa-2048", "rsa-3072", "rsa-4096"]
    "exportable"             = [` + exportable + `]
    "allow_plaintext_backup" = [false]
    "derived"                = [false]
    "auto_rotate_period"     = []`},
		{"nothing but what comes before a key's destruction", a.Transit + "/keys/+/config", []string{"update"}, `
    "deletion_allowed" = [true]`},
		{"keep documents", a.KV + "/data/+/+", []string{"create", "update", "read"}, ""},
	}
}

// remove is apart from rotate because no key waits for it: MayRotate does not
// ask about it.
func (a Access) remove() []rule {
	return []rule{{"remove documents for good", a.KV + "/metadata/+/+", []string{"delete"}, ""}}
}

// own is what a token may do about itself, so that Vault's default policy,
// which allows more, is not needed.
func own() []rule {
	return []rule{
		{"know what we may do", "sys/capabilities-self", []string{"update"}, ""},
		{"stay logged in", "auth/token/renew-self", []string{"update"}, ""},
		{"know for how long", "auth/token/lookup-self", []string{"read"}, ""},
	}
}

// Policy returns the role's policy in Vault's language: all that playtoken
// asks for, and nothing more.
func (a Access) Policy(role Role) string {
	// Vault obeys the most exact of the paths that fit, and no other: a
	// rotator that also had the signer's paths to read could not write there.
	rules := append(a.sign(), a.serve()...)
	if role == Rotator {
		rules = append(append(a.sign(), a.rotate()...), a.remove()...)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "# %s: what a %s of playtoken may do. Made by \"playtoken vault setup\".\n", role.Name(), role)
	for _, r := range append(rules, own()...) {
		fmt.Fprintf(&text, "\n# %s\npath %q {\n  capabilities = [\"%s\"]\n", r.why, r.path, strings.Join(r.capabilities, `", "`))
		if r.parameters != "" {
			fmt.Fprintf(&text, "  allowed_parameters = {%s\n  }\n", r.parameters)
		}
		text.WriteString("}\n")
	}
	return text.String()
}

// MayRotate asks Vault whether our token has a rotator's rights. Errors:
// store.ErrUnavailable, and then it is not known.
func (s *Store) MayRotate(ctx context.Context) (bool, error) {
	rules := Access{Transit: s.transit, KV: s.kv}.rotate()
	var paths []string
	for i := range rules {
		// The ring is what is written most; the name is asked about, and never
		// used.
		rules[i].path = strings.NewReplacer("/data/+/+", "/data/ring/playtoken_asks", "+", "playtoken_asks").Replace(rules[i].path)
		paths = append(paths, rules[i].path)
	}
	r := request{
		method: http.MethodPut, path: "sys/capabilities-self", body: map[string][]string{"paths": paths}, timeout: s.timeout,
	}
	body, err := s.send(ctx, r)
	if err != nil {
		return false, fmt.Errorf("ask what we may do: %w", err)
	}
	may, err := decode[map[string][]string](r, body)
	if err != nil {
		return false, fmt.Errorf("ask what we may do: %w", err)
	}
	for _, rule := range rules {
		if len(missing(may[rule.path], rule.capabilities)) > 0 {
			return false, nil
		}
	}
	return true, nil
}

package vaultkeys

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"playtoken/store"
)

// Role is a set of rights for a process. A rotator has all rights of a signer; a
// gate and the service cannot do what the other does.
type Role string

// The roles. A process with the role of a signer mints, and does not rotate keys.
const (
	Signer  Role = "signer"
	Rotator Role = "rotator"
	Gate    Role = "gate"
)

// Roles returns all roles: the service's, the one with fewer rights first, then
// the gate's.
func Roles() []Role { return []Role{Signer, Rotator, Gate} }

// Name is the name of the role's policy and of the role of a login method.
func (r Role) Name() string { return "playtoken-" + string(r) }

// Access is what the policies give access to.
type Access struct {
	Transit, KV   string // mounts
	MemorySigning bool   // private keys may leave Vault and be kept in memory
}

// rule is one path of a policy. In paths, + stands for one segment.
type rule struct {
	why          string
	path         string
	capabilities []string
	parameters   string // HCL; empty allows all
}

// signerReads lists the kinds of documents that a process reads to mint and to
// authenticate callers.
var signerReads = []struct{ kind, why string }{
	{"ring", "find the active key"},
	{"issued", "mint with keys that platforms issued"},
	{"project", "read the settings of projects"},
	{"origin", "read the origins of pages that may call"},
	{"index", "list the projects"},
	{"apikey", "authenticate callers by API key"},
	{"adminkey", "authenticate operators by admin key"},
	{"jwks", "verify access tokens"},
	{"deployment", "derive the secrets of the deployment"},
}

// signerWrites lists the kinds of documents that a process writes to mint.
var signerWrites = []struct{ kind, why string }{
	{"audit", "keep how far the audit record has got"},
	{"use", "record when a key was last used"},
	{"families", "list the refresh families of an API key"},
	{"family", "accept each refresh token once"},
}

func (a Access) sign() []rule {
	rules := []rule{{why: "sign", path: a.Transit + "/sign/+/sha2-256", capabilities: []string{"update"}}}
	if a.MemorySigning {
		rules = append(rules, rule{why: "load private keys, to sign in memory", path: a.Transit + "/export/signing-key/+/1", capabilities: []string{"read"}})
	}
	return rules
}

// signMore is separate from sign because keys of RSA, which every deployment has,
// do without: a token that lacks it is not reported.
func (a Access) signMore() (rules []rule) {
	for _, hash := range []string{"sha2-384", "sha1"} {
		rules = append(rules, rule{why: "sign as other kinds of keys and platforms need it", path: a.Transit + "/sign/+/" + hash, capabilities: []string{"update"}})
	}
	return rules
}

func (a Access) serve() (rules []rule) {
	for _, d := range signerReads {
		rules = append(rules, rule{why: d.why, path: a.KV + "/data/" + d.kind + "/+", capabilities: []string{"read"}})
	}
	for _, d := range signerWrites {
		rules = append(rules, rule{why: d.why, path: a.KV + "/data/" + d.kind + "/+", capabilities: []string{"create", "update", "read"}})
	}
	return append(rules, rule{why: "delete the oldest refresh family", path: a.KV + "/metadata/family/+", capabilities: []string{"delete"}})
}

func (a Access) rotate() []rule {
	exportable := "false"
	if a.MemorySigning {
		exportable = "true, false"
	}
	return []rule{
		{why: "create, read and destroy keys", path: a.Transit + "/keys/+", capabilities: []string{"create", "update", "read", "delete"}, parameters: `
    "type"                   = [` + quoted(store.Kinds()) + `]
    "exportable"             = [` + exportable + `]
    "allow_plaintext_backup" = [false]
    "derived"                = [false]
    "auto_rotate_period"     = []`},
		{why: "allow the destruction of a key, and change no other setting", path: a.Transit + "/keys/+/config", capabilities: []string{"update"}, parameters: `
    "deletion_allowed" = [true]`},
		{why: "read and write documents", path: a.KV + "/data/+/+", capabilities: []string{"create", "update", "read"}},
	}
}

// quoted is a list of kinds as policies have it.
func quoted(kinds []store.Kind) string {
	var all []string
	for _, kind := range kinds {
		all = append(all, strconv.Quote(string(kind)))
	}
	return strings.Join(all, ", ")
}

// remove is separate from rotate because the rotation of keys does not need it:
// MayRotate does not check it.
func (a Access) remove() []rule {
	return []rule{{why: "delete documents for good", path: a.KV + "/metadata/+/+", capabilities: []string{"delete"}}}
}

// admit is all that gates share. Their documents hold the keys of session
// tickets, with which tickets could be made.
func (a Access) admit() []rule {
	return []rule{{why: "keep what gates share", path: a.KV + "/data/" + gateKind + "/+", capabilities: []string{"create", "update", "read"}}}
}

// gateKind is the kind of the documents that gates share.
const gateKind = "gate"

// keepOut takes the documents of gates from the paths of a rotator.
func (a Access) keepOut() []rule {
	return []rule{
		{why: "leave to gates what they share", path: a.KV + "/data/" + gateKind + "/+", capabilities: []string{"deny"}},
		{why: "and do not delete it", path: a.KV + "/metadata/" + gateKind + "/+", capabilities: []string{"deny"}},
	}
}

// own returns the rights of a token of the service to itself. They replace
// Vault's default policy, which allows more.
func own() []rule {
	return append([]rule{{why: "check its own rights", path: "sys/capabilities-self", capabilities: []string{"update"}}}, stay()...)
}

// stay returns the rights that every token needs to stay logged in.
func stay() []rule {
	return []rule{
		{why: "renew its token", path: "auth/token/renew-self", capabilities: []string{"update"}},
		{why: "look up its token", path: "auth/token/lookup-self", capabilities: []string{"read"}},
	}
}

// Policy returns the role's policy in Vault's policy language: the rights that
// playtoken needs, and no others.
func (a Access) Policy(role Role) string {
	// Of the paths that match, Vault applies only the most specific one: with
	// the signer's paths in its policy, a rotator could not write there.
	var rules []rule
	switch role {
	case Signer:
		rules = slices.Concat(a.sign(), a.signMore(), a.serve(), own())
	case Rotator:
		rules = slices.Concat(a.sign(), a.signMore(), a.rotate(), a.remove(), a.keepOut(), own())
	case Gate:
		rules = append(a.admit(), stay()...)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "# %s: the rights of a %s of playtoken.\n", role.Name(), role)
	for _, r := range rules {
		fmt.Fprintf(&text, "\n# %s\npath %q {\n  capabilities = [\"%s\"]\n", r.why, r.path, strings.Join(r.capabilities, `", "`))
		if r.parameters != "" {
			fmt.Fprintf(&text, "  allowed_parameters = {%s\n  }\n", r.parameters)
		}
		text.WriteString("}\n")
	}
	return text.String()
}

// MayRotate reports whether the token has the rights of a rotator. Errors:
// store.ErrUnavailable.
func (s *Store) MayRotate(ctx context.Context) (bool, error) {
	rules := Access{Transit: s.transit, KV: s.kv}.rotate()
	var paths []string
	for i := range rules {
		// Rings stand for all documents.
		rules[i].path = strings.NewReplacer("/data/+/+", "/data/ring/"+probeName, "+", probeName).Replace(rules[i].path)
		paths = append(paths, rules[i].path)
	}
	r := request{
		method: http.MethodPut, path: "sys/capabilities-self", body: map[string][]string{"paths": paths}, timeout: s.timeout,
	}
	body, err := s.send(ctx, r)
	if err != nil {
		return false, fmt.Errorf("check the rights of the vault token: %w", err)
	}
	may, err := decode[map[string][]string](r, body)
	if err != nil {
		return false, fmt.Errorf("check the rights of the vault token: %w", err)
	}
	for _, rule := range rules {
		if len(missing(may[rule.path], rule.capabilities)) > 0 {
			return false, nil
		}
	}
	return true, nil
}

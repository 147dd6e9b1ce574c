package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Right is a set of capabilities on a path of Vault.
type Right struct {
	Path         string // + stands for one segment
	Capabilities []string
	Why          string // what it allows a process to do
}

// Rights compares the rights of the token with those that playtoken needs.
type Rights struct {
	Role     Role     // of the token: Rotator if it has any right that a signer has not
	Missing  []Right  // that the role needs
	Excess   []Right  // that no role needs
	Policies []string // names of the token's policies other than playtoken's and "default"
	Token    TokenLife
}

// TokenLife is how long a token lasts.
type TokenLife struct {
	Replaced  bool      // the store logs in again when it expires; the other fields do not matter then
	ExpiresAt time.Time // unless it is renewed; zero: never
	Renewable bool
	Until     time.Time // no renewal extends it further; zero: unknown, or no limit
}

// probeName stands for any name in the paths whose capabilities are looked up.
// No key or document has this name.
const probeName = "playtoken_asks"

// tooMuch lists rights that neither role has. A token with one of them has a
// policy that allows more than playtoken's.
func (a Access) tooMuch() []Right {
	rights := []Right{
		{Path: "sys/policies/acl/+", Why: "change policies"},
		{Path: "sys/mounts/+", Why: "create and remove mounts"},
		{Path: "sys/auth/+", Why: "create and remove login methods"},
		{Path: "sys/seal", Why: "seal Vault"},
		{Path: "auth/token/create", Why: "create tokens"},
		{Path: a.Transit + "/backup/+", Why: "take private keys out of Vault"},
		{Path: a.Transit + "/restore/+", Why: "restore foreign private keys into Vault"},
		{Path: a.Transit + "/keys/+/rotate", Why: "rotate keys without playtoken"},
		{Path: a.KV + "/destroy/+/+", Why: "destroy versions of documents"},
		{Path: a.KV + "/config", Why: "change the settings of the KV engine"},
	}
	if !a.MemorySigning {
		rights = append(rights, Right{Path: a.Transit + "/export/signing-key/+/1", Why: "take private keys out of Vault, which only signing in memory needs"})
	}
	return rights
}

// needs lists the rights of a role, on paths as specific as a policy can have
// them: of all rules that match a path, Vault applies only the most specific
// one, so a narrow rule can take away a broad right.
func (a Access) needs(role Role) []Right {
	rules := append(append(a.sign(), own()...), a.serve()...)
	if role == Rotator {
		rules = append(append(append(a.sign(), own()...), a.rotate()...), a.remove()...)
	}
	var rights []Right
	for _, r := range rules {
		rest, all := strings.CutSuffix(r.path, "/+/+")
		if !all {
			rights = append(rights, Right{Path: r.path, Capabilities: r.capabilities, Why: r.why})
			continue
		}
		for _, kind := range kinds() {
			rights = append(rights, Right{Path: rest + "/" + kind + "/+", Capabilities: r.capabilities, Why: r.why})
		}
	}
	return rights
}

// kinds returns the kinds of documents.
func kinds() (all []string) {
	for _, d := range append(slices.Clone(signerReads), signerWrites...) {
		all = append(all, d.kind)
	}
	return all
}

// Rights looks up the rights of the token and how long it lasts. MemorySigning
// says whether private keys may leave Vault. Errors: store.ErrUnavailable;
// ErrForbidden if the token may not look up its own rights.
func (s *Store) Rights(ctx context.Context, memorySigning bool) (Rights, error) {
	a := Access{Transit: s.transit, KV: s.kv, MemorySigning: memorySigning}
	may, err := s.capabilities(ctx, append(a.needs(Rotator), append(a.tooMuch(), everything)...))
	if err != nil {
		return Rights{}, fmt.Errorf("check the rights of the vault token: %w", err)
	}
	found := Rights{Role: Signer}
	if a.rotates(may) {
		found.Role = Rotator
	}
	for _, right := range a.needs(found.Role) {
		if lacks := missing(may[right.probe()], right.Capabilities); len(lacks) > 0 {
			right.Capabilities = lacks
			found.Missing = append(found.Missing, right)
		}
	}
	found.Excess = a.excess(may)
	if err := s.aboutToken(ctx, &found); err != nil {
		return Rights{}, err
	}
	if len(found.Excess) == 0 || found.Excess[0].Path != everything.Path {
		found.Excess = append(found.Excess, s.otherMounts(ctx)...)
	}
	return found, nil
}

// everything is a path that only a policy for all paths matches.
var everything = Right{Path: "*", Why: "use every path of Vault"}

func (r Right) probe() string {
	if r.Path == everything.Path {
		return probeName + "/" + probeName
	}
	return strings.ReplaceAll(r.Path, "+", probeName)
}

// capabilities looks up the capabilities on the paths of rights, in one request.
func (s *Store) capabilities(ctx context.Context, rights []Right) (map[string][]string, error) {
	paths := map[string]bool{}
	for _, right := range rights {
		paths[right.probe()] = true
	}
	r := request{method: http.MethodPut, path: "sys/capabilities-self", timeout: s.timeout,
		body: map[string][]string{"paths": slices.Sorted(maps.Keys(paths))}}
	body, err := s.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return decode[map[string][]string](r, body)
}

// rotates reports whether a token has any right that a signer has not. It is meant
// for a rotator then, even if it lacks some right.
func (a Access) rotates(may map[string][]string) bool {
	signs := a.needs(Signer)
	for _, right := range a.needs(Rotator) {
		more := right.Capabilities
		if i := slices.IndexFunc(signs, func(r Right) bool { return r.Path == right.Path }); i >= 0 {
			more = missing(signs[i].Capabilities, more)
		}
		if len(missing(may[right.probe()], more)) < len(more) {
			return true
		}
	}
	return false
}

// excess lists the rights of a token that no role has. A right to everything is
// listed alone.
func (a Access) excess(may map[string][]string) (excess []Right) {
	for _, right := range append([]Right{everything}, a.tooMuch()...) {
		right.Capabilities = slices.DeleteFunc(may[right.probe()], func(c string) bool { return c == "deny" })
		if len(right.Capabilities) == 0 {
			continue
		}
		if excess = append(excess, right); right.Path == everything.Path {
			return excess
		}
	}
	return excess
}

// missing returns the capabilities of wants that has lacks.
func missing(has, wants []string) (lacks []string) {
	if slices.Contains(has, "root") {
		return nil
	}
	for _, want := range wants {
		if !slices.Contains(has, want) {
			lacks = append(lacks, want)
		}
	}
	return lacks
}

// aboutToken fills in the life and the policies of the token. A token that may not
// look itself up lacks a right that is already in found.Missing.
func (s *Store) aboutToken(ctx context.Context, found *Rights) error {
	r := request{method: http.MethodGet, path: "auth/token/lookup-self", timeout: s.timeout}
	body, err := s.send(ctx, r)
	if errors.Is(err, ErrForbidden) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up the vault token: %w", err)
	}
	told, err := decode[struct {
		Policies  []string `json:"policies"`
		Identity  []string `json:"identity_policies"`
		Seconds   int64    `json:"ttl"`
		Renewable bool     `json:"renewable"`
		Created   int64    `json:"creation_time"`
		Longest   int64    `json:"explicit_max_ttl"`
	}](r, body)
	if err != nil {
		return fmt.Errorf("look up the vault token: %w", err)
	}
	found.Token = TokenLife{Replaced: s.session.method.prove != nil, Renewable: told.Renewable}
	if told.Seconds > 0 {
		found.Token.ExpiresAt = time.Now().Add(time.Duration(told.Seconds) * time.Second)
	}
	if told.Longest > 0 {
		found.Token.Until = time.Unix(told.Created+told.Longest, 0)
	}
	found.Policies = slices.DeleteFunc(append(told.Policies, told.Identity...), func(name string) bool {
		return name == Signer.Name() || name == Rotator.Name() || name == "default"
	})
	return nil
}

// Root reports whether the token is a root token, which may do everything.
// Errors: store.ErrUnavailable.
func (s *Store) Root(ctx context.Context) (bool, error) {
	var found Rights
	err := s.aboutToken(ctx, &found)
	return slices.Contains(found.Policies, "root"), err
}

// otherMounts lists the secrets engines besides playtoken's that the token can
// reach. Vault allows every token to look that up; if it fails, the list is
// empty.
func (s *Store) otherMounts(ctx context.Context) (others []Right) {
	r := request{method: http.MethodGet, path: "sys/internal/ui/mounts", timeout: s.timeout}
	body, err := s.send(ctx, r)
	if err != nil {
		return nil
	}
	var response struct {
		Data struct {
			Secret map[string]struct {
				Type string `json:"type"`
			} `json:"secret"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &response) != nil {
		return nil
	}
	for _, path := range slices.Sorted(maps.Keys(response.Data.Secret)) {
		mount, kind := strings.TrimSuffix(path, "/"), response.Data.Secret[path].Type
		shared := kind == "cubbyhole" || kind == "identity" || kind == "system"
		if mount != s.transit && mount != s.kv && !shared {
			others = append(others, Right{Path: path, Why: "use a secrets engine (" + kind + ") that is not playtoken's"})
		}
	}
	return others
}

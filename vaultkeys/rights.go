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

// Right is something to do on a path.
type Right struct {
	Path         string // + stands for one segment
	Capabilities []string
	Why          string // what that lets a process do
}

// Rights is what our token may do, held against what playtoken needs.
type Rights struct {
	Role     Role     // that the token is for: Rotator, if it may do anything that signers may not
	Missing  []Right  // of what the role needs
	Excess   []Right  // beyond any role
	Policies []string // of the token, by name, that are neither ours nor Vault's default one
	Token    TokenLife
}

// TokenLife is how long a token lasts.
type TokenLife struct {
	Replaced  bool      // by another login, for ever; the rest does not matter then
	ExpiresAt time.Time // unless it is renewed; zero: never
	Renewable bool
	Until     time.Time // no renewal goes beyond; zero: none is known to end it
}

// asked stands for a name in the paths that Vault is asked about. Nothing is
// ever called that.
const asked = "playtoken_asks"

// tooMuch is what neither role has: where a policy that is wider than ours
// shows.
func (a Access) tooMuch() []Right {
	rights := []Right{
		{"sys/policies/acl/+", nil, "change policies"},
		{"sys/mounts/+", nil, "make and remove mounts"},
		{"sys/auth/+", nil, "make and remove ways to log in"},
		{"sys/seal", nil, "seal Vault"},
		{"auth/token/create", nil, "make tokens"},
		{a.Transit + "/backup/+", nil, "take private keys out of Vault"},
		{a.Transit + "/restore/+", nil, "put private keys of others into Vault"},
		{a.Transit + "/keys/+/rotate", nil, "rotate keys behind playtoken's back"},
		{a.KV + "/destroy/+/+", nil, "destroy versions of documents"},
		{a.KV + "/config", nil, "change how documents are kept"},
	}
	if !a.MemorySigning {
		rights = append(rights, Right{a.Transit + "/export/signing-key/+/1", nil, "take private keys out of Vault, for PLAYTOKEN_SIGNING=memory only"})
	}
	return rights
}

// needs lists what a role needs, on paths as exact as a policy can have them:
// of the rules of a token's policies Vault obeys the most exact one alone, so
// a broad right may be taken away by a narrow one.
func (a Access) needs(role Role) []Right {
	rules := append(append(a.sign(), own()...), a.serve()...)
	if role == Rotator {
		rules = append(append(append(a.sign(), own()...), a.rotate()...), a.remove()...)
	}
	var rights []Right
	for _, r := range rules {
		rest, all := strings.CutSuffix(r.path, "/+/+")
		if !all {
			rights = append(rights, Right{r.path, r.capabilities, r.why})
			continue
		}
		for _, kind := range kinds() {
			rights = append(rights, Right{rest + "/" + kind + "/+", r.capabilities, r.why})
		}
	}
	return rights
}

// kinds of documents.
func kinds() (all []string) {
	for _, d := range append(slices.Clone(signerReads), signerWrites...) {
		all = append(all, d.kind)
	}
	return all
}

// Rights asks Vault what our token may do and how long it lasts; memorySigning
// says whether private keys are meant to leave. Errors:
// store.ErrUnavailable; ErrForbidden, if the token may not even ask.
func (s *Store) Rights(ctx context.Context, memorySigning bool) (Rights, error) {
	a := Access{Transit: s.transit, KV: s.kv, MemorySigning: memorySigning}
	may, err := s.capabilities(ctx, append(a.needs(Rotator), append(a.tooMuch(), everything)...))
	if err != nil {
		return Rights{}, fmt.Errorf("ask what we may do: %w", err)
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

// everything is a path that only a policy for all paths fits.
var everything = Right{Path: "*", Why: "do everything, everywhere"}

func (r Right) probe() string {
	if r.Path == everything.Path {
		return asked + "/" + asked
	}
	return strings.ReplaceAll(r.Path, "+", asked)
}

// capabilities asks about all paths at once.
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

// rotates reports whether a token may do anything that signers may not: it is
// meant for a rotator then, even if it lacks something.
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

// excess lists what a token may do that no role of ours has. One right to
// everything says it all.
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

// missing are the capabilities that are wanted and not had.
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

// aboutToken fills in what the token itself tells. One that may not look at
// itself lacks that right, which is among what is missing.
func (s *Store) aboutToken(ctx context.Context, found *Rights) error {
	r := request{method: http.MethodGet, path: "auth/token/lookup-self", timeout: s.timeout}
	body, err := s.send(ctx, r)
	if errors.Is(err, ErrForbidden) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at our token: %w", err)
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
		return fmt.Errorf("look at our token: %w", err)
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

// otherMounts are the secrets engines, beside ours, that our token reaches at
// all. Vault tells that to everybody about themselves; where it does not, it is
// not known.
func (s *Store) otherMounts(ctx context.Context) (others []Right) {
	r := request{method: http.MethodGet, path: "sys/internal/ui/mounts", timeout: s.timeout}
	body, err := s.send(ctx, r)
	if err != nil {
		return nil
	}
	var answer struct {
		Data struct {
			Secret map[string]struct {
				Type string `json:"type"`
			} `json:"secret"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	for _, path := range slices.Sorted(maps.Keys(answer.Data.Secret)) {
		mount, kind := strings.TrimSuffix(path, "/"), answer.Data.Secret[path].Type
		everybodys := kind == "cubbyhole" || kind == "identity" || kind == "system"
		if mount != s.transit && mount != s.kv && !everybodys {
			others = append(others, Right{Path: path, Why: "use a secrets engine (" + kind + ") that is not playtoken's"})
		}
	}
	return others
}

package settings

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"playtoken/keyrotation"
	"playtoken/platforms/client"
	"playtoken/secret"
	"playtoken/store"
)

// maxDuration keeps sums of durations far from overflowing.
const maxDuration = 10 * 365 * 24 * time.Hour

// The functions below return parsers for rows of the environment's table.

func text(to *string) parser {
	return func(s string) error {
		*to = s
		return nil
	}
}

// word is a name that another system gave.
func word(to *string) parser {
	return func(s string) error {
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errors.New("want printable characters, without space")
		}
		*to = s
		return nil
	}
}

func address(to *string) parser {
	return func(s string) error {
		_, port, err := net.SplitHostPort(s)
		if err != nil {
			return errors.New("want host:port or :port")
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
			return errors.New("want a port number from 0 to 65535")
		}
		*to = s
		return nil
	}
}

func duration(to *time.Duration) parser {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New("want a duration like 90s, 10m or 720h")
		}
		if d < 0 {
			return errors.New("must not be negative")
		}
		if d > maxDuration {
			return fmt.Errorf("want at most %s", maxDuration)
		}
		*to = d
		return nil
	}
}

// drain is bounded: what supervises the process kills one that does not end.
func drain(to *time.Duration) parser {
	const most = 10 * time.Minute
	return func(s string) error {
		if err := duration(to)(s); err != nil {
			return err
		}
		if *to > most {
			return fmt.Errorf("want at most %s", most)
		}
		return nil
	}
}

// redisTimeout is bounded: a request waits that long for each count while Redis is slow.
func redisTimeout(to *time.Duration) parser {
	const least, most = 10 * time.Millisecond, 5 * time.Second
	return func(s string) error {
		if err := duration(to)(s); err != nil {
			return err
		}
		if *to < least || *to > most {
			return fmt.Errorf("want %s to %s", least, most)
		}
		return nil
	}
}

// seconds is a duration that travels in JSON as a whole number of seconds.
func seconds(to *time.Duration) parser {
	return func(s string) error {
		if err := duration(to)(s); err != nil {
			return err
		}
		if *to < time.Second || *to%time.Second != 0 {
			return errors.New("want whole seconds, at least one")
		}
		return nil
	}
}

// playlistName is the name of a playlist, as the gate serves it.
func playlistName(to *string) parser {
	return func(s string) error {
		if !strings.HasSuffix(strings.ToLower(s), ".m3u8") || strings.HasPrefix(s, ".") ||
			strings.ContainsAny(s, `/\%#;?`) || strings.ContainsFunc(s, unicode.IsControl) {
			return errors.New(`want the name of a file that ends in .m3u8, without / \ % # ; ?`)
		}
		*to = s
		return nil
	}
}

func number(to *int) parser {
	return func(s string) error {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return errors.New("want a number")
		}
		*to = int(n)
		return nil
	}
}

// rsaBits accepts the size of an RSA key that stores make.
func rsaBits(to *store.Kind) parser {
	return func(s string) error {
		var bits int
		if err := number(&bits)(s); err != nil {
			return err
		}
		if store.RSAKind(bits) == "" {
			return fmt.Errorf("%d: want 2048, 3072 or 4096", bits)
		}
		*to = store.RSAKind(bits)
		return nil
	}
}

// oneOf accepts words of a list.
func oneOf(to *string, words ...string) parser {
	return func(s string) error {
		if !slices.Contains(words, s) {
			return fmt.Errorf("want %s", strings.Join(words, " or "))
		}
		*to = s
		return nil
	}
}

// manyOf is for some of a few words, separated by commas.
func manyOf(to *[]string, words ...string) parser {
	return func(s string) error {
		var found []string
		for part := range strings.SplitSeq(s, ",") {
			word := strings.TrimSpace(part)
			if !slices.Contains(words, word) || slices.Contains(found, word) {
				return fmt.Errorf("want some of %s, each once, separated by commas", strings.Join(words, ", "))
			}
			found = append(found, word)
		}
		*to = found
		return nil
	}
}

// networks is a list of CIDRs, or of addresses that stand for themselves.
func networks(to *[]netip.Prefix) parser {
	return func(s string) error {
		for item := range strings.SplitSeq(s, ",") {
			item = strings.TrimSpace(item)
			prefix, err := netip.ParsePrefix(item)
			if addr, bare := netip.ParseAddr(item); err != nil && bare == nil {
				prefix, err = addr.Prefix(addr.BitLen())
			}
			if err != nil || prefix != prefix.Masked() {
				return errors.New("want networks like 10.0.0.0/8, separated by commas")
			}
			*to = append(*to, prefix)
		}
		return nil
	}
}

// auditAt is where the audit record is kept.
func auditAt(path *string) parser {
	return func(s string) error {
		file, isFile := strings.CutPrefix(s, "file:")
		if s != "stderr" && !isFile || isFile && file == "" {
			return errors.New("want stderr or file:PATH")
		}
		if isFile {
			*path = file
		}
		return nil
	}
}

// redisAt is where Redis is. The client that connects checks the rest.
func redisAt(to *secret.Value) parser {
	return func(s string) error {
		switch scheme, _, _ := strings.Cut(s, "://"); scheme {
		case "redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster":
			return credential(to)(s)
		}
		return errors.New("want redis://[user:password@]host:port[/db], redis+sentinel:// or redis+cluster://, or rediss for TLS")
	}
}

// signing is where signatures are made. Signing in memory needs keys that may
// leave the store.
func signing(exportable *bool) parser {
	return func(s string) error {
		if s != "transit" && s != "memory" {
			return errors.New("want transit or memory")
		}
		*exportable = s == "memory"
		return nil
	}
}

// staleness is how long a gate, and memory signing, go on without the store.
// With transit signing it is zero in the policy, so that no deletion waits for
// it.
func staleness(to *time.Duration, p *keyrotation.Policy) parser {
	return func(s string) error {
		if err := duration(to)(s); err != nil {
			return err
		}
		if p.KeySpec.Exportable {
			p.Durations.Staleness = *to
		}
		return nil
	}
}

func onOff(to *bool) parser { return choice(to, "off", "on") }

// choice accepts two words.
func choice(to *bool, no, yes string) parser {
	return func(s string) error {
		if s != no && s != yes {
			return fmt.Errorf("want %s or %s", yes, no)
		}
		*to = s == yes
		return nil
	}
}

// credential is a secret that another system made: any text that fits into an
// HTTP header.
func credential(to *secret.Value) parser {
	return func(s string) error {
		if strings.ContainsFunc(s, unicode.IsControl) || strings.TrimSpace(s) != s || !utf8.ValidString(s) {
			return errors.New("must not have control characters, or space at either end")
		}
		*to = secret.New(s)
		return nil
	}
}

// minOwnKey is the length below which a key of ours could be guessed.
const minOwnKey = 32

// ownKey is a credential for our own API.
func ownKey(to *secret.Value) parser {
	return func(text string) error {
		if err := longEnough(secret.New(text)); err != nil {
			return err
		}
		return credential(to)(text)
	}
}

// longEnough refuses a key of ours that could be guessed.
func longEnough(key secret.Value) error {
	if n := utf8.RuneCountInString(key.Reveal()); n < minOwnKey && n > 0 {
		return fmt.Errorf("%d characters, want at least %d: a shorter key could be guessed", n, minOwnKey)
	}
	return nil
}

// base is the URL of an API or a site.
func base(to *string) parser {
	return func(s string) error {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			return errors.New("want an absolute URL without query and fragment")
		}
		*to = strings.TrimSuffix(s, "/")
		return private(u)
	}
}

// issuer is the name of an identity provider, which is a URL. A slash at its end is
// part of the name.
func issuer(to *string) parser {
	return func(s string) error {
		var trimmed string
		err := base(&trimmed)(s)
		*to = s
		return err
	}
}

// template is a viewer's URL with places for the video and the token.
func template(to *string) parser {
	return func(s string) error {
		if !strings.Contains(s, "{video_id}") || !strings.Contains(s, "{token}") {
			return errors.New("want a URL with {video_id} and {token} in it")
		}
		u, err := url.Parse(strings.NewReplacer("{video_id}", "v", "{token}", "t").Replace(s))
		if err != nil || u.Host == "" {
			return errors.New("want an absolute URL")
		}
		*to = s
		return private(u)
	}
}

// private refuses a URL on which a credential would travel in the open.
func private(u *url.URL) error {
	if u.User != nil {
		return errors.New("must not have a user name or password in it")
	}
	if !client.SafeScheme(u) {
		return errors.New("want https (plain http only to this machine's loopback)")
	}
	return nil
}

func origins(to *[]string) parser {
	return func(s string) error {
		for _, item := range strings.Split(s, ",") {
			item = strings.TrimSpace(item)
			u, err := url.Parse(item)
			if item != "*" && (err != nil || u.Host == "" || u.Scheme+"://"+u.Host != item) {
				return errors.New("want * or origins like https://www.example.com, separated by commas")
			}
			*to = append(*to, item)
		}
		if len(*to) > 1 && strings.Contains(s, "*") {
			return errors.New("want either * or a list of origins")
		}
		return nil
	}
}

// gateStore is what a gate shares with others.
func gateStore(g *Gate) parser {
	return func(s string) error {
		g.Shares = true
		return storeAt(&g.StoreFile)(s)
	}
}

func storeAt(path *string) parser {
	return func(s string) error {
		file, isFile := strings.CutPrefix(s, "file:")
		if s != "vault" && !isFile || isFile && file == "" {
			return errors.New("want vault or file:PATH")
		}
		*path = file
		if !isFile {
			*path = ""
		}
		return nil
	}
}

// mount is the name of a Vault mount; it becomes part of every path.
func mount(to *string) parser {
	return func(s string) error {
		for _, segment := range strings.Split(s, "/") {
			bad := strings.ContainsFunc(segment, func(r rune) bool {
				return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
			})
			if bad || segment == "" {
				return errors.New("want letters, digits, - and _, in segments separated by /")
			}
		}
		*to = s
		return nil
	}
}

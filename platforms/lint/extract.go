package lint

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// compact is a token among other text.
var compact = regexp.MustCompile(`e[wy][A-Za-z0-9_+/=-]+\.[A-Za-z0-9_+/=-]+(?:\.[A-Za-z0-9_+/=-]*)?(?:\.[A-Za-z0-9_+/=-]*\.[A-Za-z0-9_+/=-]*)?`)

// extract finds the token in what was pasted, and says what else was there.
func (f *finder) extract(text string) string {
	trimmed := strings.TrimSpace(text)
	token := compact.FindString(joined(unescaped(trimmed)))
	switch {
	case trimmed == "":
		f.add("not_a_token", "there is no text: paste the playback token")
	case strings.Contains(trimmed, "-----BEGIN"):
		f.add("a_key", "this is a key and not a token: if it is a private one, it is known to this service and to what lies between now, so rotate it out and delete it")
		return ""
	case strings.HasPrefix(trimmed, "pt_"):
		f.add("an_api_key", "this is an API key and not a playback token: ask POST /v1/playback-tokens for a token with it, and replace the key if others have seen it")
		return ""
	case token == "":
		f.add("not_a_token", "the text is not of the form header.claims.signature: paste the playback token itself, which begins with eyJ")
	case token == text:
	case token == trimmed:
		f.add("blanks", "there are blanks or line ends around the token: remove them, because a verifier does not")
	default:
		f.around(trimmed, token)
	}
	return token
}

// around says what surrounds the token.
func (f *finder) around(text, token string) {
	switch before, _, whole := strings.Cut(text, token); {
	case strings.EqualFold(strings.TrimSpace(before), "bearer") || strings.HasPrefix(strings.ToLower(text), "bearer "):
		f.add("bearer", `"Bearer" is of the header Authorization, and not of the token: leave it out in an address`)
	case strings.Contains(unescaped(text), "://"):
		f.add("an_address", "this is an address with a token in it: the token alone is looked at here")
	case !whole && strings.ContainsAny(text, " \t\r\n"):
		f.add("broken_lines", "the token is broken into lines: join them, because a verifier does not")
	case !whole:
		f.add("escaped", "the token is escaped as in an address: what reads it has to decode it once, and only once")
	default:
		f.add("more_than_a_token", "there is other text around the token, such as quotes: remove it")
	}
}

// unescaped undoes the escapes of addresses, up to twice.
func unescaped(text string) string {
	for range 2 { // one by a player, and one by what stands before the platform
		plain, err := url.PathUnescape(text)
		if err != nil || plain == text {
			return text
		}
		text = plain
	}
	return text
}

// joined is a text whose lines are parts of one token; other texts stay as they
// are.
func joined(text string) string {
	lines := strings.Fields(text)
	part := func(line string) bool {
		return !strings.ContainsFunc(line, func(r rune) bool { return !isTokenRune(r) })
	}
	if len(lines) > 1 && strings.HasPrefix(lines[0], "e") && strings.Count(lines[0], ".") < 2 && !slices.ContainsFunc(lines, func(line string) bool { return !part(line) }) {
		return strings.Join(lines, "")
	}
	return text
}

func isTokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-+/=", r)
}

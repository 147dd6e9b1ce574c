package projects

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxName = 50 // characters

// nameProblem says why a name for people will not do; empty if it will. A name
// is stored and shown byte for byte, so nothing may be in it that looks like
// nothing, or makes what follows look like something else.
func nameProblem(name string) string {
	switch n := utf8.RuneCountInString(name); {
	case !utf8.ValidString(name):
		return "want UTF-8"
	case n < 1 || n > maxName:
		return "want 1 to 50 characters"
	case !norm.NFC.IsNormalString(name):
		return "want composed characters (Unicode NFC)"
	}
	blank := true
	for _, r := range name {
		if hidden(r) {
			return "has a control, format or line separator character"
		}
		blank = blank && unicode.IsSpace(r)
	}
	if blank {
		return "want more than space"
	}
	return ""
}

// hidden reports whether a character is of those that act on others or show
// nothing: Unicode's Cc, Cf (bidi controls are among them), Zl, Zp, and what
// is no character for everybody (Co, Cs, noncharacters).
func hidden(r rune) bool {
	return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point,
		unicode.Other_Default_Ignorable_Code_Point)
}

// plain reports whether text is at most so many bytes of UTF-8 without hidden
// characters or space.
func plain(text string, most int) bool {
	if text == "" || len(text) > most || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if hidden(r) || unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

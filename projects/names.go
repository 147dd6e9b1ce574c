package projects

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxName = 50 // characters

// nameProblem says why a name is not accepted; "" if it is. A name is stored and
// shown byte for byte, so it must not contain characters that are invisible or
// change how other characters look.
func nameProblem(name string) string {
	switch n := utf8.RuneCountInString(name); {
	case !utf8.ValidString(name):
		return "must be UTF-8"
	case n < 1 || n > maxName:
		return "must have 1 to 50 characters"
	case !norm.NFC.IsNormalString(name):
		return "must have composed characters (Unicode NFC)"
	}
	blank := true
	for _, r := range name {
		if hidden(r) {
			return "has a control, format or line separator character"
		}
		blank = blank && unicode.IsSpace(r)
	}
	if blank {
		return "must not be blank"
	}
	return ""
}

// hidden reports whether a character is invisible or changes others: Unicode's Cc,
// Cf (with the bidi controls), Zl, Zp, and code points without an agreed meaning
// (Co, Cs, noncharacters).
func hidden(r rune) bool {
	return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point,
		unicode.Other_Default_Ignorable_Code_Point)
}

// plain reports whether text has 1 to most bytes of UTF-8, without hidden
// characters and space.
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

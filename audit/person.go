package audit

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// person is a log to a terminal: one readable line for each act. No program keeps
// these lines, so they are no chain, and an intention, which the act's line follows,
// would only be read twice.
type person struct{ w io.Writer }

func (p person) append(_ []byte, entries []stamped, _ bool) error {
	var lines []byte
	for _, e := range entries {
		if e.Result != "intent" {
			lines = append(lines, strings.Map(shown, e.bounded().sentence())+"\n"...)
		}
	}
	_, err := p.w.Write(lines)
	return err
}

// sentence is an entry for people.
func (e Entry) sentence() string {
	part := func(format, value string) string {
		if value == "" {
			return ""
		}
		return fmt.Sprintf(format, value)
	}
	return "on record: " + e.Action + part(" %s", e.Subject) + part(" in %s", e.Project) +
		" by " + e.Actor + part(" (%s)", e.ActorName) + ": " + e.Result + part(" (%s)", e.Reason)
}

// shown replaces what could control a terminal.
func shown(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

func (p person) settle([]byte) error { return nil }
func (p person) confirmed() end      { return end{} }
func (p person) close() error        { return nil }

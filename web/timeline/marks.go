package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Mark is a next move, as a number in the picture and a line below it.
type Mark struct {
	Move
	Number  int       // 1, 2, 3…
	Words   string    // what the move does
	At      time.Time // where it is drawn: NotBefore, or now if that is over
	Blocked bool      // waiting does not make it possible
}

// words says what each action does to a key, or to none. Actions that are not
// here are shown by their names.
var words = map[string]string{
	"widen":         "bring longer durations into force",
	"respec":        "bring another kind of key into force",
	"look":          "look what platform and store hold",
	"plan":          "reserve",
	"generate":      "make",
	"register":      "register",
	"adopt":         "take over the registration of",
	"see":           "find in the platform's list",
	"activate":      "sign with",
	"discard":       "give up, before it ever signed,",
	"date":          "set the day of deletion of",
	"delete":        "delete",
	"withdraw":      "delete at the platform",
	"end_sessions":  "end what viewers opened with",
	"destroy":       "destroy the private half of",
	"bury":          "keep only a record of",
	"doubt":         "look again at",
	"trust":         "trust again",
	"quarantine":    "stop using",
	"give_up":       "replace what the platform lost",
	"delete_orphan": "delete a second registration",
}

// Marks returns the next moves, those first that come first. Moves that are due
// or blocked stand at now.
func (p Picture) Marks() []Mark {
	marks := []Mark{}
	for _, m := range p.Moves {
		mark := Mark{Move: m, Words: m.words(), At: m.NotBefore, Blocked: m.NotBefore.IsZero()}
		if m.NotBefore.Before(p.Now) {
			mark.At = p.Now
		}
		marks = append(marks, mark)
	}
	slices.SortStableFunc(marks, func(a, b Mark) int { return a.At.Compare(b.At) })
	for i := range marks {
		marks[i].Number = i + 1
	}
	return marks
}

func (m Move) words() string {
	said, known := words[m.Action]
	if !known {
		said = strings.ReplaceAll(m.Action, "_", " ")
	}
	if m.Generation == 0 {
		return said
	}
	return fmt.Sprintf("%s generation %d", said, m.Generation)
}

// when says from when a move is made.
func (m Mark) when(now time.Time) string {
	switch {
	case m.Blocked:
		return "blocked"
	case m.NotBefore.After(now):
		return "at " + stamp(m.At)
	}
	return "due"
}

// stamp is a time as titles and descriptions have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

package console

import (
	"cmp"
	"html/template"
	"strconv"
	"time"

	"playtoken/durations"
)

// when is a moment, a time.Time or a pointer to one, for a person: how far away it is, and exactly in the tooltip.
func (c *Console) when(moment any) template.HTML {
	at, known := moment.(time.Time)
	if pointer, is := moment.(*time.Time); is && pointer != nil {
		at, known = *pointer, true
	}
	if !known || at.IsZero() {
		return `<span class="quiet">–</span>`
	}
	exact := at.UTC().Format("2006-01-02 15:04:05 UTC")
	return template.HTML(`<time datetime="` + at.UTC().Format(time.RFC3339) + `" title="` + exact + `">` + template.HTMLEscapeString(c.fromNow(at)) + `</time>`)
}

// due is when something will happen that may be late.
func (c *Console) due(moment any) template.HTML {
	at, known := moment.(time.Time)
	if pointer, is := moment.(*time.Time); is && pointer != nil {
		at, known = *pointer, true
	}
	if known && !at.After(c.config.Clock()) {
		return "due now"
	}
	return c.when(moment)
}

// fromNow is a moment relative to now: "in 3 hours 20 min", "5 min ago".
func (c *Console) fromNow(at time.Time) string {
	switch away := at.Sub(c.config.Clock()); {
	case away >= time.Second:
		return "in " + durations.About(away.Truncate(time.Second))
	case away <= -time.Second:
		return durations.About((-away).Truncate(time.Second)) + " ago"
	}
	return "now"
}

// number is a number with thousands apart.
func number(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return text
}

// rateWords is a number of events a minute.
func rateWords(perMinute float64) string {
	if perMinute > 0 && perMinute < 10 {
		return strconv.FormatFloat(perMinute, 'f', 1, 64)
	}
	return number(int(perMinute + 0.5))
}

// tone is how serious something is: it has a colour, a shape and a word, so that no
// one has to tell colours apart.
type tone string

const (
	good  tone = "good"
	plain tone = "plain"
	warn  tone = "warn"
	bad   tone = "bad"
)

// badge is a word with a tone.
type badge struct {
	Tone tone
	Word string
}

// stateOfKey is a signing key's state, which API and record call the same.
func stateOfKey(state string) badge {
	switch state {
	case "active":
		return badge{good, state}
	case "revoking", "quarantined":
		return badge{bad, state}
	case "abandoning", "deleting", "retiring":
		return badge{warn, state}
	}
	return badge{plain, state}
}

// kinds are the kinds of signing keys, with words for people.
var kinds = []option{
	{"rsa-2048", "RSA 2048"}, {"rsa-3072", "RSA 3072"}, {"rsa-4096", "RSA 4096"}, {"ecdsa-p256", "P-256"}, {"ecdsa-p384", "P-384"}, {"ed25519", "Ed25519"},
}

// kindOfKey is a kind of signing key for a person.
func kindOfKey(kind string) string {
	for _, one := range kinds {
		if one.Value == kind {
			return one.Label
		}
	}
	return cmp.Or(kind, "–")
}

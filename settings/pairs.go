package settings

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// pairs are name=value, separated by commas or lines.
func pairs(s string, set func(name, value string) error) error {
	const between = ",\n"
	for s = strings.Trim(s, between+" \t\r"); s != ""; s = strings.TrimLeft(s, between+" \t\r") {
		name, rest, ok := strings.Cut(s, "=")
		size := strings.IndexAny(rest, between)
		if object := objectSize(rest); object > 0 {
			size = object
		}
		if size < 0 {
			size = len(rest)
		}
		value := strings.TrimSpace(rest[:size])
		if !ok || name == "" || value == "" || strings.ContainsAny(name, between) {
			return errors.New("want name=value, separated by commas")
		}
		if err := set(name, value); err != nil {
			return err
		}
		s = rest[size:]
	}
	return nil
}

// objectSize is the length of the JSON object that a text begins with, whose commas
// separate nothing else; -1 if it begins with none.
func objectSize(text string) int {
	decoder := jsontext.NewDecoder(strings.NewReader(text))
	if value, err := decoder.ReadValue(); err != nil || value.Kind() != '{' {
		return -1
	}
	return int(decoder.InputOffset())
}

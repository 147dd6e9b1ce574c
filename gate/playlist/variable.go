package playlist

import (
	"errors"
	"net/url"
	"strings"
)

// define carries out EXT-X-DEFINE: a variable with a value, or one whose value
// comes from the playlist's URL or from the multivariant playlist.
func (s *scanner) define(list string) error {
	given := map[string]string{}
	for c := (cursor{text: list}); c.more(); {
		a, err := c.next()
		if err != nil {
			return err
		}
		given[a.name] = a.value
	}
	if name, ok := given["NAME"]; ok {
		s.variables[name] = given["VALUE"]
		return nil
	}
	if name, ok := given["QUERYPARAM"]; ok {
		return s.defineFromQuery(name)
	}
	if name, ok := given["IMPORT"]; ok {
		return s.defineFromImport(name)
	}
	return errors.New("EXT-X-DEFINE without NAME, QUERYPARAM or IMPORT")
}

// defineFromQuery refuses the parameters that carry the viewer's credentials:
// a player would copy them into URIs of other sites.
func (s *scanner) defineFromQuery(name string) error {
	if credential(name) {
		return errors.New("QUERYPARAM=" + name + " would copy the viewer's token into URIs; remove it, the gate adds what each URI needs")
	}
	if !s.take(name, s.where.Parameter) {
		return errors.New("QUERYPARAM=" + name + ": the playlist's URL has no such parameter")
	}
	return nil
}

func (s *scanner) defineFromImport(name string) error {
	if !s.take(name, s.where.Import) {
		return errors.New("IMPORT=" + name + ": the first playlist does not define it with NAME and VALUE")
	}
	return nil
}

func (s *scanner) take(name string, from func(string) (string, bool)) bool {
	if from == nil {
		return false
	}
	s.found.imported = true
	value, ok := from(name)
	s.variables[name] = value
	return ok
}

// credential reports whether a query parameter is one of the gate's own, or
// may be taken for one by a player.
func credential(name string) bool {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	return strings.EqualFold(name, "ticket") || strings.EqualFold(name, "jwt")
}

// substitute replaces {$name} by the variable's value. Values are not searched
// for further variables.
func (s *scanner) substitute(text string) (string, error) {
	if !strings.Contains(text, "{$") {
		return text, nil
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{$")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !validName(name) {
			out.WriteString("{$")
			text = rest
			continue
		}
		value, defined := s.variables[name]
		if !defined {
			return "", errors.New("the variable " + name + " is not defined in a line above")
		}
		if out.Len()+len(value) > maxURI {
			return "", errLongURI
		}
		out.WriteString(value)
		text = after
	}
}

package cloudfront

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// presented is what was pasted as a token: a signed URL, what follows its question
// mark, or cookies.
type presented struct {
	address string // without CloudFront's parameters; empty: no URL
	fields  map[string]string
}

// read finds the fields of a token. Those of cookies have the names of parameters.
func read(text string) presented {
	p := presented{fields: map[string]string{}}
	text = strings.TrimSpace(text)
	query := text
	if strings.Contains(text, "://") {
		p.address, query, _ = strings.Cut(text, "?")
	}
	var kept []string
	for _, part := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' || r == '\n' }) {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		name = strings.TrimPrefix(name, cookiePrefix)
		if slices.Contains(names(), name) {
			p.fields[name] = value
		} else {
			kept = append(kept, part)
		}
	}
	if p.address != "" && len(kept) > 0 {
		p.address += "?" + strings.Join(kept, "&")
	}
	return p
}

// unescaped undoes escapes that some libraries make, which CloudFront undoes, too.
func unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// statement is a policy as it is read.
type statement struct {
	text     string
	resource string
	ends     float64 // as it is written; 0: it has no end
	starts   float64 // 0: it has no start
	network  string
	count    int // of statements
	members  map[string]any
}

func (s statement) endsAt() time.Time   { return time.Unix(int64(s.ends), 0) }
func (s statement) startsAt() time.Time { return time.Unix(int64(s.starts), 0) }

var (
	errNoPolicy = errors.New("there is neither Policy nor Expires")
	errPolicy   = errors.New("the policy cannot be read")
)

// statement is the policy of a token: the one that was sent, or the one that CloudFront
// makes of a URL.
func (p presented) statement(address string) (statement, error) {
	if sent := p.fields[policyName]; sent != "" {
		text, err := decode(unescaped(sent))
		if err != nil {
			return statement{}, errPolicy
		}
		return readStatement(string(text))
	}
	at, err := strconv.ParseInt(p.fields[expiresName], 10, 64)
	switch {
	case p.fields[expiresName] == "":
		return statement{}, errNoPolicy
	case err != nil:
		return statement{}, errors.New("the parameter Expires is no number of seconds")
	}
	return readStatement(policy{resource: address, ends: time.Unix(at, 0)}.text())
}

func readStatement(text string) (statement, error) {
	type moment struct {
		At float64 `json:"AWS:EpochTime"`
	}
	var said struct {
		Statement []struct {
			Resource  string
			Condition struct {
				DateLessThan, DateGreaterThan moment
				Network                       struct {
					Source string `json:"AWS:SourceIp"`
				} `json:"IpAddress"`
			}
		}
	}
	s := statement{text: text}
	if json.Unmarshal([]byte(text), &said) != nil || json.Unmarshal([]byte(text), &s.members) != nil || len(said.Statement) == 0 {
		return statement{}, errPolicy
	}
	first := said.Statement[0]
	s.count, s.resource, s.network = len(said.Statement), first.Resource, first.Condition.Network.Source
	s.ends, s.starts = first.Condition.DateLessThan.At, first.Condition.DateGreaterThan.At
	return s, nil
}

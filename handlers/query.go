package handlers

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"playtoken/projects"
)

// queryParameters is a request without a body that is read from the query.
type queryParameters interface {
	// names lists the parameters that may be given.
	names() []string
	// set reads one of them. It is called once for each that was given.
	set(name, value string) *fieldError
}

var (
	_ queryParameters = (*pageQuery)(nil)
	_ queryParameters = (*nameQuery)(nil)
	_ queryParameters = (*deleteQuery)(nil)
	_ queryParameters = (*whyBody)(nil)
	_ queryParameters = (*noBody)(nil)
	_ queryParameters = (*readyQuery)(nil)
	_ queryParameters = (*examineQuery)(nil)
)

// decodeQuery reads a query as strictly as a body: every parameter is known, given
// once, and has one possible spelling.
func decodeQuery(raw string, into queryParameters) error {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return invalidf("malformed query string: write name=value, joined by &, and percent-encode other characters")
	}
	known := into.names()
	var wrong []fieldError
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if trouble := setParameter(known, name, values[name], into); trouble != nil {
			wrong = append(wrong, *trouble)
		}
	}
	return invalidFields(wrong...)
}

func setParameter(known []string, name string, values []string, into queryParameters) *fieldError {
	shown := shownName(name)
	switch value := values[0]; {
	case len(known) == 0:
		return &fieldError{Field: shown, Detail: "this path has no query parameters: remove the query"}
	case !slices.Contains(known, name):
		return &fieldError{Field: shown, Detail: "unknown parameter; this path has " + strings.Join(known, ", ")}
	case len(values) > 1:
		return &fieldError{shown, "appears twice: send it once"}
	case value == "":
		return &fieldError{shown, "is empty: give it a value, or leave it out"}
	default:
		return into.set(name, value)
	}
}

// The largest number of rows of a page, and the number if the caller gives none.
const (
	maxPageSize     = 100
	defaultPageSize = 20
)

// pageQuery asks for a part of a list.
type pageQuery struct{ page projects.Page }

func (*pageQuery) names() []string {
	return []string{"page_size", "page", "name", "sort_by", "sort_order", "cursor"}
}

func (q *pageQuery) set(name, value string) *fieldError {
	switch name {
	case "page_size":
		return wholeUpTo(name, value, maxPageSize, &q.page.Size)
	case "page":
		return wholeUpTo(name, value, maxPage, &q.page.Number)
	case "name":
		return filter(value, &q.page.Name)
	case "sort_by":
		q.page.SortBy = value
		return oneOf(name, value, "created_at", "name")
	case "sort_order":
		q.page.Desc = value == "desc"
		return oneOf(name, value, "asc", "desc")
	}
	q.page.Cursor = value
	if len(value) > maxCursor || !utf8.ValidString(value) || strings.ContainsFunc(value, unprintable) {
		return &fieldError{Field: name, Detail: "is not a cursor of this service: use a link of a response, or start at the first page"}
	}
	return nil
}

// withDefaults is the page with defaults for the parameters that were left out.
func (q pageQuery) withDefaults() projects.Page {
	page := q.page
	if page.Size == 0 {
		page.Size = defaultPageSize
	}
	if page.Number == 0 {
		page.Number = 1
	}
	if page.SortBy == "" {
		page.SortBy = "created_at"
	}
	return page
}

// nameQuery narrows a count.
type nameQuery struct{ name string }

func (*nameQuery) names() []string { return []string{"name"} }

func (q *nameQuery) set(_, value string) *fieldError { return filter(value, &q.name) }

// deleteQuery says whether a project's signing keys may be revoked with it. The
// same members may come in a body, with the reason, and count before the query's.
type deleteQuery struct {
	Revoke   bool   `json:"revoke"`
	Override bool   `json:"override"`
	Reason   string `json:"reason"`
}

var (
	_ withOptionalBody = deleteQuery{}
	_ withCheck        = deleteQuery{}
	_ withReason       = deleteQuery{}
	_ withOverride     = deleteQuery{}
	_ withRevocation   = deleteQuery{}
)

func (deleteQuery) bodyIsOptional()   {}
func (q deleteQuery) reason() string  { return q.Reason }
func (q deleteQuery) overrides() bool { return q.Override }
func (q deleteQuery) revokes() bool   { return q.Revoke }
func (q deleteQuery) check() error    { return invalidFields(checkReason(q.Reason, false)...) }

func (*deleteQuery) names() []string { return []string{"revoke", "override"} }

func (q *deleteQuery) set(name, value string) *fieldError {
	if name == "revoke" {
		q.Revoke = value == "true"
	} else {
		q.Override = value == "true"
	}
	return oneOf(name, value, "true", "false")
}

// whyBody is a change whose path says what is changed. Its body may say why.
type whyBody struct {
	Reason string `json:"reason"`
}

var (
	_ withOptionalBody = whyBody{}
	_ withCheck        = whyBody{}
	_ withReason       = whyBody{}
)

func (whyBody) bodyIsOptional()  {}
func (b whyBody) reason() string { return b.Reason }
func (b whyBody) check() error   { return invalidFields(checkReason(b.Reason, false)...) }

func (*whyBody) names() []string                { return nil }
func (*whyBody) set(string, string) *fieldError { return nil }

// A noBody has no query parameters either.
func (*noBody) names() []string                { return nil }
func (*noBody) set(string, string) *fieldError { return nil }

const (
	maxPage   = 1_000_000
	maxCursor = 4 << 10
	maxName   = 100 // characters, of a name to filter by
)

var wholeNumber = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)

func wholeUpTo(name, value string, most int, into *int) *fieldError {
	n, _ := strconv.Atoi(value)
	if !wholeNumber.MatchString(value) || n > most {
		return &fieldError{Field: name, Detail: "must be a whole number from 1 to " + strconv.Itoa(most)}
	}
	*into = n
	return nil
}

func oneOf(name, value, first, second string) *fieldError {
	if value != first && value != second {
		return &fieldError{Field: name, Detail: "must be " + first + " or " + second}
	}
	return nil
}

func filter(value string, into *string) *fieldError {
	if !utf8.ValidString(value) || utf8.RuneCountInString(value) > maxName || strings.ContainsFunc(value, unprintable) {
		return &fieldError{Field: "name", Detail: "must have at most " + strconv.Itoa(maxName) + " characters, none of them control characters"}
	}
	*into = value
	return nil
}

// pageLink is a relative reference to a page of a list. It decodes to the same
// page again.
func pageLink(path string, page projects.Page) string {
	order := "asc"
	if page.Desc {
		order = "desc"
	}
	text := path + "?page_size=" + strconv.Itoa(page.Size)
	if page.Name != "" {
		text += "&name=" + url.QueryEscape(page.Name)
	}
	text += "&sort_by=" + page.SortBy + "&sort_order=" + order + "&page=" + strconv.Itoa(page.Number)
	if page.Cursor != "" {
		text += "&cursor=" + url.QueryEscape(page.Cursor)
	}
	return text
}

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

// queried is a request that is all in the address: it has no body.
type queried interface {
	// members are the parameters it knows.
	members() []string
	// take reads those that were given. It is asked for every one of them once.
	take(name, value string) *fieldError
}

// decodeQuery reads a query as strictly as a body is read: every parameter is
// known, given once, and spelt the one way there is.
func decodeQuery(raw string, into queried) error {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return invalidf("the query is not spelt as addresses are: join name=value by &, and encode everything else")
	}
	known := into.members()
	var wrong []fieldError
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if trouble := takeParameter(known, name, values[name], into); trouble != nil {
			wrong = append(wrong, *trouble)
		}
	}
	return invalidFields(wrong...)
}

func takeParameter(known []string, name string, values []string, into queried) *fieldError {
	shown := shownName(name)
	switch value := values[0]; {
	case len(known) == 0:
		return &fieldError{shown, "this address takes no query parameters: remove what follows the question mark"}
	case !slices.Contains(known, name):
		return &fieldError{shown, "not known here; this address takes " + strings.Join(known, ", ")}
	case len(values) > 1:
		return &fieldError{shown, "appears twice: send it once"}
	case value == "":
		return &fieldError{shown, "is empty: give it a value, or leave it out"}
	default:
		return into.take(name, value)
	}
}

// pageSizes are how many rows a page may have, and has if nobody says.
const (
	maxPageSize     = 100
	defaultPageSize = 20
)

// pageQuery asks for a part of a list.
type pageQuery struct{ page projects.Page }

func (*pageQuery) members() []string {
	return []string{"page_size", "page", "name", "sort_by", "sort_order", "cursor"}
}

func (q *pageQuery) take(name, value string) *fieldError {
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
		return &fieldError{name, "is not one of ours: follow the links of an answer, or begin at the first page"}
	}
	return nil
}

// asked is the page with what was left out filled in.
func (q pageQuery) asked() projects.Page {
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

func (*nameQuery) members() []string { return []string{"name"} }

func (q *nameQuery) take(_, value string) *fieldError { return filter(value, &q.name) }

// deleteQuery says whether a project's signing keys may go with it.
type deleteQuery struct{ revoke bool }

func (*deleteQuery) members() []string { return []string{"revoke"} }

func (q *deleteQuery) take(name, value string) *fieldError {
	q.revoke = value == "true"
	return oneOf(name, value, "true", "false")
}

// members and take make none a request without parameters.
func (*noBody) members() []string               { return nil }
func (*noBody) take(string, string) *fieldError { return nil }

const (
	maxPage   = 1_000_000
	maxCursor = 4 << 10
	maxName   = 100 // characters, of what a list is narrowed by
)

var wholeNumber = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)

func wholeUpTo(name, value string, most int, into *int) *fieldError {
	n, _ := strconv.Atoi(value)
	if !wholeNumber.MatchString(value) || n > most {
		return &fieldError{name, "want a whole number from 1 to " + strconv.Itoa(most)}
	}
	*into = n
	return nil
}

func oneOf(name, value, first, second string) *fieldError {
	if value != first && value != second {
		return &fieldError{name, "want " + first + " or " + second}
	}
	return nil
}

func filter(value string, into *string) *fieldError {
	if !utf8.ValidString(value) || utf8.RuneCountInString(value) > maxName || strings.ContainsFunc(value, unprintable) {
		return &fieldError{"name", "want at most " + strconv.Itoa(maxName) + " characters of plain text"}
	}
	*into = value
	return nil
}

// address spells a page of a list as a relative reference, which decodes to
// the same page again.
func address(path string, page projects.Page) string {
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

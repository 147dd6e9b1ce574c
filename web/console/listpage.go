package console

import (
	"net/url"
	"strings"
	"time"
)

// listPage is a page with one table. All lists of the API are shown with it.
type listPage struct {
	Title   string
	Crumb   *link // the page above
	Notes   []badge
	Acts    []link // changes that are about no row
	Filters []field
	Columns []string // the last is that of the rows' changes
	Rows    []listRow
	Empty   string // what is said if there is no row
	More    []link // to other parts of the list
}

// link is a link.
type link struct{ Path, Label string }

// listRow is one row, with what can be done about it.
type listRow struct {
	Cells []cell
	Acts  []link
}

// cell is a moment, a link or a text.
type cell struct {
	Text string
	Path string     // where a link leads; "": nowhere
	At   *time.Time // nil: it is no moment
	Code bool       // the text is an id
}

func text(t string) cell { return cell{Text: t} }
func code(t string) cell { return cell{Text: t, Code: true} }
func moment(at *time.Time) cell {
	if at == nil || at.IsZero() {
		return text("–")
	}
	return cell{At: at}
}

// asked keeps the parameters of the page's query that a list of the API takes.
func (v *visit) asked(names ...string) url.Values {
	kept := url.Values{}
	for _, name := range names {
		if value := strings.TrimSpace(v.request.URL.Query().Get(name)); value != "" {
			kept.Set(name, value)
		}
	}
	return kept
}

// filter is a field that narrows a list.
func (v *visit) filter(name, label, help string) field {
	return field{Name: name, Label: label, Kind: "text", Value: v.request.URL.Query().Get(name), Help: help}
}

// more are the links of a part of a list to its neighbours, on the page at path.
func more[Row any](l list[Row], path string) (links []link) {
	for _, neighbour := range l.Links {
		label := map[string]string{"previous": "Previous page", "next": "Next page"}[neighbour.Rel]
		if _, query, found := strings.Cut(neighbour.Href, "?"); found && label != "" {
			links = append(links, link{Path: path + "?" + query, Label: label})
		}
	}
	return links
}

// pageNames are the parameters of the lists of the Admin API.
var pageNames = []string{"page_size", "page", "name", "sort_by", "sort_order", "cursor"}

// withQuery is a path with a query, if there is one.
func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

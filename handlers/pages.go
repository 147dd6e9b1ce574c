package handlers

import "playtoken/projects"

// Page is one page of a list.
type Page[Row any] struct {
	Items      []Row      `json:"items"`
	Pagination Pagination `json:"pagination"`
	Links      []Link     `json:"links"`
}

// Pagination says which page it is.
type Pagination struct {
	CurrentPage int `json:"current_page"`
	PageSize    int `json:"page_size"`
	ItemsOnPage int `json:"items_on_page"`
}

// Link is a relative reference to this page, the previous or the next.
type Link struct {
	Rel  string `json:"rel"` // "previous", "self" or "next"
	Href string `json:"href"`
}

// newPage shows a page of the list at a path. A caller that follows its links
// sees each row once that existed when it read the first page; the cursors
// ensure that.
func newPage[Row any](path string, asked projects.Page, items []Row, number int, next, previous string) Page[Row] {
	asked.Number = max(1, number)
	shown := Page[Row]{Items: items, Pagination: Pagination{CurrentPage: asked.Number, PageSize: asked.Size, ItemsOnPage: len(items)}}
	link := func(rel string, number int, cursor string) {
		page := asked
		page.Number, page.Cursor = number, cursor
		shown.Links = append(shown.Links, Link{rel, pageLink(path, page)})
	}
	if previous != "" {
		link("previous", asked.Number-1, previous)
	}
	link("self", asked.Number, asked.Cursor)
	if next != "" {
		link("next", asked.Number+1, next)
	}
	return shown
}

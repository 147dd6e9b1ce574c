package handlers

import "playtoken/projects"

// Page is a part of a list.
type Page[Row any] struct {
	Items      []Row      `json:"items"`
	Pagination Pagination `json:"pagination"`
	Links      []Link     `json:"links"`
}

// Pagination says which part it is.
type Pagination struct {
	CurrentPage int `json:"current_page"`
	PageSize    int `json:"page_size"`
	ItemsOnPage int `json:"items_on_page"`
}

// Link is a relative reference to this page or one beside it.
type Link struct {
	Rel  string `json:"rel"` // "previous", "self" or "next"
	Href string `json:"href"`
}

// newPage shows a part of a list that is at a path. Whoever follows its links
// sees every row once that was there when they began: the cursors know.
func newPage[Row any](path string, asked projects.Page, items []Row, number int, next, previous string) Page[Row] {
	asked.Number = max(1, number)
	answer := Page[Row]{Items: items, Pagination: Pagination{asked.Number, asked.Size, len(items)}}
	link := func(rel string, number int, cursor string) {
		page := asked
		page.Number, page.Cursor = number, cursor
		answer.Links = append(answer.Links, Link{rel, address(path, page)})
	}
	if previous != "" {
		link("previous", asked.Number-1, previous)
	}
	link("self", asked.Number, asked.Cursor)
	if next != "" {
		link("next", asked.Number+1, next)
	}
	return answer
}

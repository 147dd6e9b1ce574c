package console

import (
	"net/http"
	"slices"
	"strings"
)

// page is a page: where it is, its template, and what that shows.
type page struct {
	path     string // below /console, a pattern of net/http such as "/projects/{project}"
	title    string
	template string // a file in templates that defines "content"
	menu     string // the page's name in the menu; "": it is not there
	// show returns what the template gets. The error is a *Problem if the API
	// refused a request.
	show func(*visit) (any, error)
}

// pageTable lists the pages; those with a name in the menu are there in this order.
func (c *Console) pageTable() []page {
	return []page{
		{path: "/{$}", title: "Overview", template: "overview.html", menu: "Overview", show: showOverview},
		{path: "/projects", title: "Projects", template: "list.html", menu: "Projects", show: showProjects},
		{path: "/projects/{project}", title: "Project", template: "project.html", show: showProject},
		{path: "/projects/{project}/settings", title: "Settings", template: "settings.html", show: showSettings},
		{path: "/projects/{project}/api-keys", title: "API keys", template: "list.html", show: showAPIKeys},
		{path: "/approvals", title: "Approvals", template: "list.html", menu: "Approvals", show: showApprovals},
		{path: "/operators", title: "Operators", template: "list.html", menu: "Operators", show: showAdminKeys},
		{path: "/audit", title: "Audit", template: "list.html", menu: "Audit", show: showAudit},
		{path: "/projects/{project}/drift", title: "Ring, store and platform", template: "drift.html", show: showDrift},
		{path: "/doctor", title: "Doctor", template: "doctor.html", menu: "Doctor", show: showDoctor},
		{path: "/projects/{project}/doctor", title: "Doctor", template: "doctor.html", show: showProjectDoctor},
		{path: "/metrics", title: "Metrics", template: "metrics.html", menu: "Metrics", show: showMetrics},
	}
}

// actTable lists the changes.
func (c *Console) actTable() []act {
	return slices.Concat(keyActs(), projectActs(), sectionActs(), apiKeyActs(), sessionActs(), operatorActs())
}

// menu is the menu as it is on a page.
func (c *Console) menu(path string) (entries []entry) {
	for _, p := range c.pageTable() {
		if p.menu == "" {
			continue
		}
		at := "/console" + strings.TrimSuffix(p.path, "{$}")
		current := path == at || at != Path && strings.HasPrefix(path, at+"/")
		entries = append(entries, entry{Name: p.menu, Path: at, Current: current})
	}
	return entries
}

// addActs adds each change: the page that shows what will happen, and the request.
func (c *Console) addActs(mux *http.ServeMux) error {
	for _, a := range c.actTable() {
		mux.HandleFunc("GET /console"+a.path, c.signedIn(func(v *visit) { c.ask(v, a) }))
		mux.HandleFunc("POST /console"+a.path, c.signedIn(func(v *visit) { c.carryOut(v, a) }))
	}
	return nil
}

// Paths returns the patterns of the pages and of the changes, below /console, for
// tests of what each role may do.
func (c *Console) Paths() (pages, acts []string) {
	for _, p := range c.pageTable() {
		pages = append(pages, p.path)
	}
	for _, a := range c.actTable() {
		acts = append(acts, a.path)
	}
	return pages, acts
}

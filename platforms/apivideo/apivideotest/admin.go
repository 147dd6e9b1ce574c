package apivideotest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"playtoken/platforms/standin"
)

const (
	defaultPage = 20
	maxPage     = 100
	keysPath    = "/projects/" + Project + "/api-keys"
)

// apiKey is an API key on the wire, with its value, always.
type apiKey struct {
	ProjectID string `json:"project_id"`
	APIKeyID  string `json:"api_key_id"`
	CreatedAt string `json:"created_at"`
	Name      string `json:"name"`
	Value     string `json:"value"`
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

func reply(said answer) standin.Reply {
	return standin.Reply{Status: said.status, Body: said.body, Refuse: Refuse}
}

func wire(r standin.Record) apiKey {
	return apiKey{
		ProjectID: Project, APIKeyID: r.ID, Name: r.Name, Value: r.Value,
		CreatedAt: r.Created.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
	}
}

// badAttribute is a refusal of the Admin API, which words them in its own way.
func badAttribute(name, constraint string) answer {
	return answer{http.StatusBadRequest, text(map[string]any{
		"type": "https://docs.api.video/reference/invalid-attribute", "title": "Bad request.", "name": name,
		"detail": "An attribute is invalid.", "total_problems": 1, "constraint": constraint,
	})}
}

// adminAPI is admin.api.video.
func (s *Standin) adminAPI() {
	for route, serve := range map[string]func(*http.Request) (standin.Fault, answer){
		"GET /projects/" + Project:      s.project,
		"GET " + keysPath:               s.listKeys,
		"GET " + keysPath + "/count":    s.countKeys,
		"POST " + keysPath:              s.makeKey,
		"GET " + keysPath + "/{key}":    s.showKey,
		"DELETE " + keysPath + "/{key}": s.deleteKey,
	} {
		s.mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			s.begin(route)
			user, password, _ := r.BasicAuth()
			switch {
			case password != "" || !s.world.Credential["admin_key"].Equal(user):
				standin.Fault{}.Send(w, r, reply(noKey))
			case !s.chargeAdmin():
				standin.Fault{}.Send(w, r, reply(tooMany))
			default:
				fault, said := serve(r)
				fault.Send(w, r, reply(said))
			}
		})
	}
}

func (s *Standin) chargeAdmin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.admin = slices.DeleteFunc(s.admin, func(at time.Time) bool { return now.Sub(at) >= time.Second })
	if len(s.admin) >= AdminCalls {
		return false
	}
	s.admin = append(s.admin, now)
	return true
}

func (s *Standin) project(*http.Request) (standin.Fault, answer) {
	return standin.Fault{}, ok(map[string]any{
		"project_id": Project, "created_at": "2024-02-05T00:00:00+01:00", "name": "My project",
		"deletes_at": nil, "region": "eu-central-1", "deleted": false,
	})
}

func (s *Standin) countKeys(*http.Request) (standin.Fault, answer) {
	return standin.Fault{}, ok(map[string]int{"count": len(s.world.Keys.Current())})
}

func (s *Standin) makeKey(r *http.Request) (standin.Fault, answer) {
	name, problem := member(r, "name")
	fault := s.world.Keys.Begin(standin.Call{Op: standin.OpIssue, Name: name})
	if problem.status != 0 || utf8.RuneCountInString(name) > 255 {
		return fault, badAttribute("name", "required")
	}
	made := wire(fault.LaidOut(s.world.Keys.Make(fault, name)))
	if fault.Response == standin.WrongKey {
		made.Name, made.APIKeyID = "another name", "api_key_another"
	}
	return fault, answer{http.StatusCreated, text(made)}
}

func (s *Standin) showKey(r *http.Request) (standin.Fault, answer) {
	id := r.PathValue("key")
	fault := s.world.Keys.Begin(standin.Call{Op: standin.OpGet, KeyID: id})
	row, found := s.world.Keys.Find(fault, id)
	if !found {
		return fault, notFound
	}
	if fault.Response == standin.WrongKey {
		row.ID = "api_key_another"
	}
	return fault, ok(wire(fault.LaidOut(row)))
}

func (s *Standin) deleteKey(r *http.Request) (standin.Fault, answer) {
	id := r.PathValue("key")
	fault := s.world.Keys.Begin(standin.Call{Op: standin.OpDelete, KeyID: id})
	if !s.world.Keys.Drop(fault, id) {
		return fault, notFound
	}
	return fault, answer{status: http.StatusNoContent}
}

// listKeys is a page by number, as the documents have it: a key that goes
// between two pages takes the first row of the second one with it.
func (s *Standin) listKeys(r *http.Request) (standin.Fault, answer) {
	query := r.URL.Query()
	size, ok1 := count(query, "page_size", defaultPage)
	page, ok2 := count(query, "page", 1)
	fault := s.world.Keys.Begin(standin.Call{Op: standin.OpList, Page: page - 1})
	if !ok1 || size > maxPage {
		return fault, badAttribute("page_size", "range")
	}
	if !ok2 {
		return fault, badAttribute("page", "range")
	}
	size = min(size, s.world.PageSize)
	rows := s.world.Keys.Rows(fault)
	if query.Get("sort_order") == "desc" {
		slices.Reverse(rows)
	}
	from := min((page-1)*size, len(rows))
	to := min(from+size, len(rows))
	items := []apiKey{}
	for _, row := range fault.Show(slices.Clone(rows[from:to])) {
		items = append(items, wire(row))
	}
	return fault, ok(map[string]any{
		"items":      items,
		"pagination": map[string]int{"page": page, "page_size": size, "item_count": len(rows)},
		"links":      s.links(r, fault, page, to < len(rows)),
	})
}

func count(query url.Values, name string, otherwise int) (int, bool) {
	text := query.Get(name)
	if text == "" {
		return otherwise, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1
}

func (s *Standin) links(r *http.Request, fault standin.Fault, page int, more bool) []link {
	host := ""
	if !s.world.Relative {
		host = "http://" + r.Host
	}
	to := func(host, path string, page int) string {
		query := r.URL.Query()
		query.Set("page", strconv.Itoa(page))
		return host + path + "?" + query.Encode()
	}
	links := []link{{"self", to(host, keysPath, page)}}
	if page > 1 {
		links = append(links, link{"previous", to(host, keysPath, page-1)})
	}
	switch {
	case fault.View == standin.Circular:
		links = append(links, link{"next", to(host, keysPath, page)})
	case fault.View == standin.OtherHost:
		links = append(links, link{"next", to("http://"+standin.SinkHost, keysPath, page+1)})
	case fault.View == standin.OtherResource:
		links = append(links, link{"next", to(host, "/projects", page+1)})
	case more || fault.View == standin.Unending:
		links = append(links, link{"next", to(host, keysPath, page+1)})
	}
	return links
}

package apivideo_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/platforms/apivideo/apivideotest"
	"playtoken/platforms/standin"
)

// script answers requests to the Admin API one by one.
type script struct {
	answers []string // the last one again and again
	asked   []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	if r.Method == http.MethodPost {
		answer.WriteHeader(http.StatusCreated)
	}
	answer.WriteString(s.answers[min(len(s.asked), len(s.answers)-1)])
	s.asked = append(s.asked, r.Method+" "+r.URL.String())
	return answer.Result(), nil
}

const value = "19Kc5nhC7-the-value-ADWwAbTuUer"

func row(id string) string {
	return fmt.Sprintf(`{"project_id":%q,"api_key_id":%q,"created_at":"2024-02-05T00:00:00+01:00","name":"a name","value":%q}`, apivideotest.Project, id, value)
}

// A value comes back in many answers; it leaves none of them but the one.
func TestAValueIsSeenOnceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "issued", "yes")
		for name, answer := range map[string]string{
			"a good one": row("api_key_1"), "no id": row(""), "another name": strings.Replace(row("api_key_1"), "a name", value, 1),
			"another project": strings.Replace(row("api_key_1"), "project_1", value, 1), "an id like a value": row(value + "/"),
			"a list for a value": strings.Replace(row("api_key_1"), `"`+value+`"`, `["`+value+`"]`, 1), "a number": strings.Replace(row("api_key_1"), `"`+value+`"`, `1234567890123`, 1),
			"too short": strings.Replace(row("api_key_1"), value, "short", 1), "a line end": strings.Replace(row("api_key_1"), value, value+`\n`, 1), "a colon": strings.Replace(row("api_key_1"), value, value+":", 1),
			"cut": row("api_key_1")[:120], "more after it": row("api_key_1") + row("api_key_1"), "twice": strings.Replace(row("api_key_1"), `{`, `{"value":"`+value+`",`, 1),
		} {
			w.account.Transport = &script{answers: []string{answer}}
			issuer := w.open(t).Issuer
			key, err := issuer.Issue(t.Context(), "a name")
			if (err == nil) != (name == "a good one") || err == nil && (string(key.Value) != value || key.ID != "api_key_1") {
				t.Errorf("%s: Issue = %v, %v, want success only for the good one", name, key, err)
			}
			text := fmt.Sprintf("%v %+v %#v %v", err, err, err, key)
			if got, err := issuer.Get(t.Context(), "api_key_1"); true {
				text += fmt.Sprintf("%+v %v", got, err)
			}
			if got, err := issuer.List(t.Context()); true {
				text += fmt.Sprintf("%+v %v", got, err)
			}
			if name != "another name" && strings.Contains(text, value) || strings.Contains(text, "1234567890123") {
				t.Errorf("%s: printing the results gives %s, want no value of a key in it", name, text)
			}
		}
	})
}

func list(next string, ids ...string) string {
	rows := []string{}
	for _, id := range ids {
		rows = append(rows, row(id))
	}
	links := `{"rel":"self","href":"/here"}`
	if next != "" {
		links += fmt.Sprintf(`,{"rel":"next","href":%q}`, next)
	}
	return fmt.Sprintf(`{"items":[%s],"pagination":{"page":1,"page_size":100,"item_count":%d},"links":[%s]}`, strings.Join(rows, ","), len(ids), links)
}

func TestPagesAreFollowedToTheEnd(t *testing.T) {
	path := "/projects/" + apivideotest.Project + "/api-keys"
	for name, c := range map[string]struct {
		answers []string
		want    int // keys; -1: no list
	}{
		"one page":                 {[]string{list("", "a", "b")}, 2},
		"none":                     {[]string{list("")}, 0},
		"two pages":                {[]string{list(path+"?page_size=100&page=2", "a", "b"), list("", "c"), `{"count":3}`}, 3},
		"an absolute link":         {[]string{list("http://127.0.0.1:81/below"+path+"?page=2", "a"), list("", "c"), `{"count":2}`}, 2},
		"one went meanwhile":       {[]string{list(path+"?page=2", "a", "b"), list("", "d"), `{"count":4}`}, -1},
		"no count":                 {[]string{list(path+"?page=2", "a", "b"), list("", "d"), `{}`}, -1},
		"the same row on both":     {[]string{list(path+"?page=2", "a", "b"), list("", "b"), `{"count":3}`}, -1},
		"the same page again":      {[]string{list(path+"?page=2", "a"), list(path+"?page=2", "b"), `{"count":2}`}, -1},
		"another project":          {[]string{list("/projects/project_other/api-keys?page=2", "a"), list("", "b"), `{"count":2}`}, -1},
		"another host":             {[]string{list("//evil.example"+path+"?page=2", "a"), list("", "b"), `{"count":2}`}, -1},
		"another scheme":           {[]string{list("https://127.0.0.1:81"+path+"?page=2", "a"), list("", "b"), `{"count":2}`}, -1},
		"no query":                 {[]string{list(path, "a"), list("", "b"), `{"count":2}`}, -1},
		"two next pages":           {[]string{strings.Replace(list(path+"?page=2", "a"), `"self"`, `"next"`, 1)}, -1},
		"no items":                 {[]string{`{"links":[]}`}, -1},
		"null":                     {[]string{`null`}, -1},
		"a key of another project": {[]string{strings.Replace(list("", "a"), "project_1", "project_2", 1)}, -1},
		"a row without an id":      {[]string{list("", "a", "")}, -1},
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t, "issued", "yes", "admin_url", "http://127.0.0.1:81/below")
			s := &script{answers: c.answers}
			w.account.Transport = s
			keys, err := w.open(t).Issuer.List(t.Context())
			if (err != nil) != (c.want < 0) || len(keys) != max(0, c.want) {
				t.Errorf("%d keys, %v", len(keys), err)
			}
			for _, asked := range s.asked {
				if !strings.HasPrefix(asked, "GET http://127.0.0.1:81/below"+path) {
					t.Errorf("it asked %s", asked)
				}
			}
			if !strings.Contains(s.asked[0], "page_size=100") {
				t.Errorf("it asked %s", s.asked[0])
			}
		})
	}
}

func TestTheAdminAPIIsNotOverrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "issued", "yes")
		start := time.Now()
		for range 40 {
			if _, err := w.platform.Issuer.Get(t.Context(), w.active.ID); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("forty calls within %s", took)
		}
		// Throttled all the same, it is up to the caller which call must be tried.
		w.keys.Script(standin.Throttle("3600"))
		if _, err := w.platform.Issuer.List(t.Context()); err == nil {
			t.Error("not throttled")
		}
		if err := w.platform.Issuer.Delete(t.Context(), w.active.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestTheCountIsNoKey(t *testing.T) {
	w := newWorld(t, "issued", "yes")
	_, err := w.platform.Issuer.Get(t.Context(), "count")
	if err == nil || w.Count("GET /projects/"+apivideotest.Project+"/api-keys/count") != 0 {
		t.Errorf("Get(count) = %v, want an error and no request for the count", err)
	}
}

// No list leads to another host, and a list with an error has no keys.
func FuzzList(f *testing.F) {
	f.Add(list("", "a", "b"))
	f.Add(list("/projects/"+apivideotest.Project+"/api-keys?page=2", "a"))
	f.Add(list("http://evil.example/?page=2", "a"))
	f.Add(strings.Replace(list("", "a"), `"links"`, `"links":7,"x"`, 1))
	f.Fuzz(func(t *testing.T, body string) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "issued", "yes")
			s := &script{answers: []string{body, list("", "z"), `{"count":2}`}}
			w.account.Transport = s
			keys, err := w.open(t).Issuer.List(t.Context())
			if err != nil && keys != nil {
				t.Errorf("List = %v, %v, want no keys with an error", keys, err)
			}
			for _, asked := range s.asked {
				if !strings.HasPrefix(asked, "GET http://127.0.0.1:81/projects/"+apivideotest.Project+"/api-keys") {
					t.Errorf("it asked %s", asked)
				}
			}
		})
	})
}

package jwtkeys_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/platforms/client"
	"playtoken/platforms/jwtkeys"
	"playtoken/platforms/standin"
	"playtoken/secret"
)

// answers is a platform in one function: what it answers to a request.
type answers func(*http.Request) (status int, body string)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := a(r)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// api is the key API of an account at api.example.com.
func api(t *testing.T, answer answers) *jwtkeys.API {
	t.Helper()
	a, err := jwtkeys.New(jwtkeys.Config{
		URL: "https://api.example.com/v2", Credential: secret.New("a credential of some length"), Transport: answer,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// says is a platform that always answers the same.
func says(t *testing.T, body string) *jwtkeys.API {
	return api(t, answers(func(*http.Request) (int, string) { return 200, body }))
}

func envelope(result, links string) string {
	return fmt.Sprintf(`{"success":true,"result":%s,"links":%s,"errors":[]}`, result, links)
}

func TestAnswersAsDocumented(t *testing.T) {
	public, err := json.Marshal(standin.PublicKey(1))
	if err != nil {
		t.Fatal(err)
	}
	row := fmt.Sprintf(`{"id":"abcde12345abcde12345a","name":"New key","public_key":%s,"created_by":"abcde12345abcde1234a",
		"created_time":"2022-01-01T00:00:00.000Z","updated_by":null,"updated_time":"2022-01-01T00:00:00.000Z"}`, public)
	p := says(t, envelope(row, "null"))
	id, err := p.Register(t.Context(), "New key", standin.PublicKey(1))
	if id != "abcde12345abcde12345a" || err != nil {
		t.Errorf("register: %q, %v", id, err)
	}
	key, err := p.Get(t.Context(), id)
	if err != nil || key.Fingerprint != keyrotation.Fingerprint(standin.PublicKey(1)) || key.CreatedAt.Year() != 2022 {
		t.Errorf("get: %+v, %v", key, err)
	}
	list, err := says(t, envelope("["+row+"]", "{}")).List(t.Context())
	if err != nil || len(list) != 1 || list[0] != key {
		t.Errorf("list: %+v, %v", list, err)
	}
	if err := says(t, envelope("{}", "null")).Delete(t.Context(), id); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestRequestsAsDocumented(t *testing.T) {
	var got []string
	p := api(t, answers(func(r *http.Request) (int, string) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.String()+" "+string(body))
		return 200, "{}"
	}))
	p.List(t.Context())
	p.Check(t.Context())
	p.Get(t.Context(), "a-B_1")
	p.Delete(t.Context(), "a-B_1")
	p.Register(t.Context(), "a name", standin.PublicKey(1))
	public, _ := json.Marshal(standin.PublicKey(1))
	want := []string{
		"GET https://api.example.com/v2/jwt_keys ", "GET https://api.example.com/v2/jwt_keys?limit=1 ",
		"GET https://api.example.com/v2/jwt_keys/a-B_1 ", "DELETE https://api.example.com/v2/jwt_keys/a-B_1 ",
		`POST https://api.example.com/v2/jwt_keys {"name":"a name","public_key":` + string(public) + `}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got the requests\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestListsThatAreNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		ok   bool
	}{
		"no keys":           {envelope("[]", "{}"), true},
		"no links":          {`{"success":true,"result":[{"id":"a"}]}`, true},
		"null links":        {envelope(`[{"id":"a"},{"id":"b","public_key":null}]`, "null"), true},
		"empty next":        {envelope(`[{"id":"a","created_time":"yesterday"}]`, `{"next":""}`), true},
		"null next":         {envelope(`[]`, `{"next":null}`), true},
		"no id":             {envelope(`[{"id":"a"},{"name":"x"}]`, "{}"), false},
		"null id":           {envelope(`[{"id":null}]`, "{}"), false},
		"number for an id":  {envelope(`[{"id":5}]`, "{}"), false},
		"odd id":            {envelope(`[{"id":"a/b"}]`, "{}"), false},
		"same id twice":     {envelope(`[{"id":"a"},{"id":"a"}]`, "{}"), false},
		"null for a row":    {envelope(`[null]`, "{}"), false},
		"null for a list":   {envelope("null", "{}"), false},
		"object for a list": {envelope("{}", "{}"), false},
		"no result":         {`{"success":true,"links":{}}`, false},
		"no success":        {`{"result":[],"links":{}}`, false},
		"text for success":  {`{"success":"true","result":[],"links":{}}`, false},
		"list for links":    {envelope("[]", "[1]"), false},
		"number for next":   {envelope("[]", `{"next":1}`), false},
		"same member twice": {`{"success":true,"success":true,"result":[],"links":{}}`, false},
		"other spelling":    {`{"Success":true,"result":[],"links":{}}`, false},
	} {
		if list, err := says(t, c.body).List(t.Context()); (err == nil) != c.ok || (list == nil) == c.ok {
			t.Errorf("%s: List = %v, %v, want success: %v", name, list, err, c.ok)
		}
	}
}

// follow lists keys from a platform whose first page has this link, and
// returns where the second page was read from.
func follow(t *testing.T, link string) (second *url.URL, err error) {
	text, err := json.Marshal(link)
	if err != nil {
		t.Fatal(err)
	}
	pages := 0
	p := api(t, answers(func(r *http.Request) (int, string) {
		if pages++; pages == 1 {
			return 200, envelope(`[{"id":"a"}]`, `{"next":`+string(text)+`}`)
		}
		second = r.URL
		return 200, envelope(`[{"id":"b"}]`, `{}`)
	}))
	_, err = p.List(t.Context())
	return second, err
}

func TestLinksLeadNowhereElse(t *testing.T) {
	for link, want := range map[string]string{
		"https://api.example.com/v2/jwt_keys?cursor=x&limit=25": "cursor=x&limit=25",
		"https://API.example.com:443/v2/jwt_keys?cursor=x":      "cursor=x",
		"/v2/jwt_keys?cursor=x":                                 "cursor=x", "?cursor=x%2F%3D": "cursor=x%2F%3D", "jwt_keys?cursor=x": "cursor=x",
		"https://api.example.com.evil.example/v2/jwt_keys?cursor=x": "", "//evil.example/v2/jwt_keys?cursor=x": "",
		"http://api.example.com/v2/jwt_keys?cursor=x": "", "https://api.example.com:444/v2/jwt_keys?cursor=x": "",
		"https://u:p@api.example.com/v2/jwt_keys?cursor=x": "", "https://api.example.com/v2/api_keys?cursor=x": "",
		"/v2/jwt_keys/../api_keys?cursor=x": "", "/v2/jwt_keys/?cursor=x": "", "/v2/jwt%5Fkeys?cursor=x": "",
		"/v2/jwt_keys": "", "#x": "", "?": "", "?cursor=%zz": "", "?a;b": "", "\x00": "", "?cursor=" + strings.Repeat("x", 3000): "",
	} {
		second, err := follow(t, link)
		got := ""
		if second != nil {
			got = second.RawQuery
		}
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.80q: second page from %v, %v", link, second, err)
		}
	}
}

func TestErrorsInSeveralForms(t *testing.T) {
	for body, want := range map[string]string{
		`{"success":false,"errors":[{"code":"name_taken","message":"choose another"}]}`: `name_taken choose another`,
		`{"success":false,"errors":[{"code":1004,"message":"choose another"}]}`:         `1004 choose another`,
		`{"success":false,"errors":["choose another"]}`:                                 ` choose another`,
		`{"success":false,"errors":[{"message":{"deep":1}}]}`:                           ` `,
		`{"success":false,"errors":[7]}`:                                                ` `,
		`{"errors":[]}`:                                                                 ` `,
		`{"errors":{}}`:                                                                 ` `,
		`<html>`:                                                                        ` `,
	} {
		p := api(t, answers(func(*http.Request) (int, string) { return 400, body }))
		_, err := p.Register(t.Context(), "name", standin.PublicKey(1))
		var status *client.StatusError
		if !errors.As(err, &status) || status.Code+" "+status.Text != want || !errors.Is(err, keyrotation.ErrRefused) {
			t.Errorf("Register with response %s = %v, want ErrRefused with %q", body, err, want)
		}
	}
}

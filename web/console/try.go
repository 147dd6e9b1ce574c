package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	tryPath     = "/projects/{project}/try"
	inspectPath = "/projects/{project}/inspect"
)

// triedToken is a token as the API answers with it.
type triedToken struct {
	Token     string            `json:"token"`
	VideoID   string            `json:"video_id"`
	KeyID     *string           `json:"key_id"`
	ExpiresIn int               `json:"expires_in"`
	ExpiresAt *time.Time        `json:"expires_at"`
	RefreshAt *time.Time        `json:"refresh_at"`
	URLs      map[string]string `json:"urls"`
}

// HLS is the address that a player opens; "": the platform has none.
func (t triedToken) HLS() string { return t.URLs["hls"] }

// Addresses are those of the token, by their kind.
func (t triedToken) Addresses() []address {
	var all []address
	for _, kind := range []string{"landing", "embed", "hls", "mp4"} {
		if t.URLs[kind] != "" {
			all = append(all, address{Kind: kind, URL: t.URLs[kind]})
		}
	}
	return all
}

type address struct{ Kind, URL string }

// inspection is what the API finds in a token.
type inspection struct {
	Valid   bool           `json:"valid"`
	Reasons []string       `json:"reasons"`
	Detail  string         `json:"detail"`
	Header  map[string]any `json:"header"`
	Claims  map[string]any `json:"claims"`
	Key     *struct {
		Generation int    `json:"generation"`
		State      string `json:"state"`
	} `json:"key"`
	Advice []struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"advice"`
}

// tryPage is the page on which tokens are made, played and inspected.
type tryPage struct {
	Project project
	Path    string // of the project's page
	Script  string // the address of the page's module
	Allowed bool   // the person's role may make tokens
	Role    string

	Mint    []field
	Inspect []field
	Problem *Problem

	Token   *triedToken
	Code    []sample
	Player  *player
	Verdict *inspection // of the token above, or of the one that was pasted
	Pasted  bool
	Remedy  []remedy
	Header  []member
	Claims  []member
}

// player is what the page's script plays with.
type player struct {
	SDK      string // the folder of the package playtoken
	Library  string // the address of hls.js; "": it was not there when the program was built
	Endpoint string // answers with fresh tokens
	VideoID  string
}

// addTry adds the page Try it of each project.
func (c *Console) addTry(mux *http.ServeMux) error {
	if _, err := c.parse("try.html"); err != nil {
		return err
	}
	if err := c.addPlayer(mux); err != nil {
		return err
	}
	mux.HandleFunc("GET /console"+tryPath, c.signedIn(func(v *visit) { c.tryIt(v, func(*tryPage) error { return nil }) }))
	mux.HandleFunc("POST /console"+tryPath, c.signedIn(func(v *visit) { c.tryIt(v, v.mint) }))
	mux.HandleFunc("GET /console"+inspectPath, c.signedIn(func(v *visit) {
		http.Redirect(v.response, v.request, v.projectPage()+"/try", http.StatusSeeOther)
	}))
	mux.HandleFunc("POST /console"+inspectPath, c.signedIn(func(v *visit) { c.tryIt(v, v.inspect) }))
	mux.HandleFunc("POST /console"+tryPath+"/token", c.signedIn(c.freshToken))
	return nil
}

// tryIt shows the page after something was done on it.
func (c *Console) tryIt(v *visit, do func(*tryPage) error) {
	shown := tryPage{Path: v.projectPage(), Script: c.assets() + "try.js", Allowed: v.person.Administers(), Role: v.person.Role}
	if err := v.get(v.project(), &shown.Project); err != nil {
		c.showProblem(v, err)
		return
	}
	status := http.StatusOK
	if err := v.readForm(do, &shown); err != nil {
		if shown.Problem = problemOf(err); shown.Problem.Status == http.StatusUnauthorized {
			c.showProblem(v, err)
			return
		}
		status = shown.Problem.Status
	}
	shown.Mint, shown.Inspect = mintFields(v, &shown), inspectFields(v, &shown)
	if shown.Player != nil {
		v.response.Header().Set("Content-Security-Policy", playing(shown.Token.HLS()))
	}
	c.show(v, status, c.parsed["try.html"], "Try it", shown)
}

func (v *visit) readForm(do func(*tryPage) error, shown *tryPage) error {
	if err := v.request.ParseForm(); err != nil {
		return &Problem{Status: http.StatusBadRequest, Title: "Not read", Detail: "The form could not be read: it has at most 64 KiB."}
	}
	return do(shown)
}

// playing is the policy of a page that plays a video: the origin of the video is
// the only one that is not the console's own.
func playing(hls string) string {
	origin := ""
	if u, err := url.Parse(hls); err == nil && u.Host != "" && !strings.ContainsAny(u.Host, " ;,'\"") {
		origin = " " + u.Scheme + "://" + u.Host
	}
	return strings.Replace(contentPolicy, "connect-src 'self'", "connect-src 'self'"+origin, 1) + "; media-src 'self' blob:" + origin
}

// mint makes a token and has it inspected.
func (v *visit) mint(shown *tryPage) error {
	body, err := v.mintBody()
	if err != nil {
		return err
	}
	made, err := v.api().do(request{method: http.MethodPost, path: "/v1/playback-tokens", body: body})
	if err != nil {
		return err
	}
	shown.Token = &triedToken{}
	if err := made.into(shown.Token); err != nil {
		return err
	}
	delete(body, "project_id") // which an API key has of its own
	shown.Code, err = v.samples(body)
	if shown.Token.HLS() != "" {
		shown.Player = v.player(shown.Token.VideoID)
	}
	return errors.Join(err, v.examine(shown, map[string]any{"token": shown.Token.Token}))
}

// mintBody is the body of the request for a token that the form describes.
func (v *visit) mintBody() (map[string]any, error) {
	body := map[string]any{"video_id": v.typed("video_id"), "project_id": v.request.PathValue("project")}
	if life := v.typed("expires_in"); life != "" {
		n, err := strconv.Atoi(life)
		if err != nil {
			return nil, &Problem{Status: http.StatusBadRequest, Title: "Not sent", Fields: []fieldFault{{Field: "expires_in", Detail: "is no number of seconds"}}}
		}
		body["expires_in"] = n
	}
	if id := v.typed("viewer.id"); id != "" {
		body["viewer"] = map[string]string{"id": id}
	}
	return body, nil
}

// inspect has a token inspected that the person pasted.
func (v *visit) inspect(shown *tryPage) error {
	shown.Pasted = true
	body := map[string]any{"token": tokenIn(v.typed("token"))}
	if id := v.typed("at_video"); id != "" {
		body["video_id"] = id
	}
	return v.examine(shown, body)
}

// tokenIn finds the token in what was pasted, which may be an address with it.
func tokenIn(pasted string) string {
	u, err := url.Parse(pasted)
	if err != nil || u.Host == "" {
		return pasted
	}
	for _, values := range u.Query() {
		if i := slices.IndexFunc(values, func(value string) bool { return strings.Count(value, ".") == 2 }); i >= 0 {
			return values[i]
		}
	}
	return pasted
}

// examine has a token inspected.
func (v *visit) examine(shown *tryPage, body map[string]any) error {
	body["project_id"] = v.request.PathValue("project")
	found, err := v.api().do(request{method: http.MethodPost, path: "/v1/playback-tokens/inspect", body: body})
	if err != nil {
		return err
	}
	verdict := &inspection{}
	if err := found.into(verdict); err != nil {
		return err
	}
	shown.Verdict, shown.Remedy = verdict, remediesOf(*verdict)
	shown.Header, shown.Claims = v.console.members(verdict.Header), v.console.members(verdict.Claims)
	return nil
}

// freshToken is the back end of the page's player: it passes on what the API
// answers, refusals included.
func (c *Console) freshToken(v *visit) {
	var ask struct {
		VideoID string `json:"video_id"`
	}
	err := json.UnmarshalRead(v.request.Body, &ask, json.RejectUnknownMembers(true))
	if err != nil {
		err = &Problem{Status: http.StatusBadRequest, Code: "invalid_request", Title: "Bad Request", Detail: `the body has to be {"video_id": "…"}`}
	}
	var made answer
	if err == nil {
		made, err = v.api().do(request{method: http.MethodPost, path: "/v1/playback-tokens",
			body: map[string]any{"video_id": ask.VideoID, "project_id": v.request.PathValue("project")}})
	}
	if err != nil {
		p := problemOf(err)
		v.response.Header().Set("Content-Type", "application/problem+json")
		v.response.WriteHeader(p.Status)
		_ = json.MarshalWrite(v.response, map[string]any{"status": p.Status, "code": p.Code, "title": p.Title, "detail": p.Detail}) // the person has gone
		return
	}
	v.response.Header().Set("Content-Type", "application/json")
	v.response.WriteHeader(made.status)
	_, _ = v.response.Write(made.body) // the person has gone
}

// mintFields are the fields of the form for a token, as they were typed in.
func mintFields(v *visit, shown *tryPage) []field {
	fields := []field{
		{Name: "video_id", Label: "Video id", Kind: "text", Required: true},
		{Name: "expires_in", Label: "Seconds that it lives", Kind: "number", Help: "The project's default, if it is empty."},
		{Name: "viewer.id", Label: "Viewer", Kind: "text", Help: "Who watches, as your back end knows them. Some platforms bind the token to it."},
	}
	return typedIn(v, shown, fields, !shown.Pasted)
}

// inspectFields are those of the form that a token is pasted into.
func inspectFields(v *visit, shown *tryPage) []field {
	fields := []field{
		{Name: "token", Label: "Token, or an address with a token in it", Kind: "textarea", Required: true},
		{Name: "at_video", Label: "Video id", Kind: "text", Help: "The token's own, if it is empty."},
	}
	return typedIn(v, shown, fields, shown.Pasted)
}

func typedIn(v *visit, shown *tryPage, fields []field, mine bool) []field {
	for i := range fields {
		fields[i].Value = v.request.PostFormValue(fields[i].Name)
		if shown.Problem == nil || !mine {
			continue
		}
		for _, fault := range shown.Problem.Fields {
			if fault.Field == fields[i].Name {
				fields[i].Problem = fault.Detail
			}
		}
	}
	return fields
}

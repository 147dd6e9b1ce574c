package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"playtoken/web"
)

// sample is a call as code to paste. It has no secret in it: programs read the
// API key from the environment.
type sample struct{ Language, Text string }

// samples writes the call for a token in some languages.
func (v *visit) samples(body map[string]any) ([]sample, error) {
	text, err := json.Marshal(body, json.Deterministic(true), jsontext.EscapeForHTML(false))
	if err != nil {
		return nil, fmt.Errorf("write a call as code: %w", err)
	}
	at := v.console.address(v.request)
	return []sample{
		{Language: "curl", Text: curlSample(at, string(text))},
		{Language: "JavaScript", Text: javaScriptSample(at, string(text))},
		{Language: "Go", Text: goSample(at, body)},
	}, nil
}

// address is where back ends reach the service, as far as that is known.
func (c *Console) address(r *http.Request) string {
	switch {
	case c.config.URL != "":
		return strings.TrimSuffix(c.config.URL, "/")
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func curlSample(at, body string) string {
	return "curl -sS " + shellWord(at+"/v1/playback-tokens") + " \\\n" +
		"  -H \"Authorization: Bearer $PLAYTOKEN_API_KEY\" \\\n" +
		"  -H 'Content-Type: application/json' \\\n" +
		"  -d " + shellWord(body) + "\n"
}

// shellWord is a word for a POSIX shell.
func shellWord(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func javaScriptSample(at, body string) string {
	url, _ := json.Marshal(at) // a text without invalid UTF-8 is always JSON
	return `import { createClient } from "playtoken/server";

const playtoken = createClient({ url: ` + string(url) + `, apiKey: process.env.PLAYTOKEN_API_KEY });
const { token, urls } = await playtoken.mint(` + body + `);
`
}

func goSample(at string, body map[string]any) string {
	fields := []string{"VideoID: " + strconv.Quote(fmt.Sprint(body["video_id"]))}
	if life, ok := body["expires_in"].(int); ok {
		fields = append(fields, fmt.Sprintf("ExpiresIn: %d", life))
	}
	if viewer, ok := body["viewer"].(map[string]string); ok {
		fields = append(fields, "Viewer: &client.Viewer{ID: "+strconv.Quote(viewer["id"])+"}")
	}
	return `service, err := client.New(client.Config{URL: ` + strconv.Quote(at) + `, APIKey: os.Getenv("PLAYTOKEN_API_KEY")})
if err != nil {
	return err
}
token, err := service.Mint(ctx, client.TokenRequest{` + strings.Join(fields, ", ") + `})
`
}

// playerPath is where the page's player has its modules.
const playerPath = Path + "player/"

// addPlayer serves what plays a video: the package playtoken and, if it was there
// when the program was built, hls.js.
func (c *Console) addPlayer(mux *http.ServeMux) (err error) {
	if c.sdk, err = web.NewSDK(); err != nil {
		return err
	}
	mux.HandleFunc("GET "+playerPath+"{version}/{file}", func(w http.ResponseWriter, r *http.Request) {
		if !c.sdk.Serve(w, r, r.PathValue("version"), r.PathValue("file")) {
			http.NotFound(w, r)
		}
	})
	script, _, err := web.HLSjs()
	if c.library = err == nil; !c.library {
		return nil
	}
	mux.HandleFunc("GET "+playerPath+"hls.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(script) // the person has gone
	})
	return nil
}

func (v *visit) player(videoID string) *player {
	p := &player{SDK: playerPath + v.console.sdk.Version() + "/", Endpoint: v.projectPage() + "/try/token", VideoID: videoID}
	if v.console.library {
		p.Library = playerPath + "hls.js"
	}
	return p
}

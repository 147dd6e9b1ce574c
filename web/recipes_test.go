package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"playtoken/gate/sample"
)

// recipes are the blocks of docs/page.md in a language, in their order.
func recipes(t *testing.T, language string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/page.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, found := range block.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, found[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("docs/page.md: got no block in %s, want some", language)
	}
	return blocks
}

// TestTheRecipesPlay pastes each recipe of docs/page.md into a page. What is
// another on the reader's own site is the host of the service and the video.
func TestTheRecipesPlay(t *testing.T) {
	withPlayers(t)
	browser := chromium(t)
	th := openTheatre(t)
	here := strings.NewReplacer("https://tokens.example.com", th.demo.Service, "my-video", sample.VideoID)
	pages := map[string]string{}
	for i, recipe := range recipes(t, "html") {
		pages[fmt.Sprintf("html-%d", i+1)] = here.Replace(recipe)
	}
	for i, recipe := range recipes(t, "tsx") {
		pages[fmt.Sprintf("tsx-%d", i+1)] = "<main></main><script type=module>" + component(t, here.Replace(recipe)) + "</script>"
	}
	site := httptest.NewServer(th.site(pages))
	t.Cleanup(site.Close)
	for name := range pages {
		t.Run(name, func(t *testing.T) {
			tab := newTab(t, browser, site.URL+"/page/"+name)
			const video = `document.querySelector("playtoken-video, video:not([hidden])")`
			tab.Await(t, patience, video)
			// As a viewer does, who presses play until it plays.
			tab.Await(t, patience, `(`+video+`.play().catch(() => {}), `+video+`.currentTime > 1)`)
		})
	}
}

// site is the reader's own: the pages, what they load of it, and its back end.
func (th *theatre) site(pages map[string]string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page/{name}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>a film</title>`+pages[r.PathValue("name")])
	})
	for name, file := range map[string]string{
		"hls.mjs": "hls.js/dist/hls.mjs", "video.min.js": "video.js/dist/video.min.js", "video-js.min.css": "video.js/dist/video-js.min.css",
		"shaka-player.compiled.js": "shaka-player/dist/shaka-player.compiled.js",
	} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, packages+file) })
	}
	th.seats["reader"] = &seat{media: &httptest.Server{URL: th.demo.Gate}}
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("seat", "reader")
		th.token(w, r)
	})
	return mux
}

// component is a script that shows what a module of React exports.
func component(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	const entry = `import * as recipe from "./film.tsx"; import { createElement } from "react"; import { createRoot } from "react-dom/client";
createRoot(document.querySelector("main")).render(createElement(recipe.Film ?? recipe.default));`
	for name, text := range map[string]string{"film.tsx": source, "entry.js": entry} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	modules, err := filepath.Abs(packages)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := filepath.Abs("sdk/src")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(modules, ".bin/esbuild"), filepath.Join(dir, "entry.js"), "--bundle", "--format=esm", "--minify", "--jsx=automatic",
		"--alias:playtoken/react="+ours+"/react.js", "--alias:playtoken/hlsjs="+ours+"/hlsjs.js", "--alias:react="+modules+"/react", "--alias:react-dom="+modules+"/react-dom")
	command.Env = append(os.Environ(), "NODE_PATH="+modules)
	script, err := command.Output()
	if err != nil {
		t.Fatalf("bundle a recipe: %v", err)
	}
	return strings.ReplaceAll(string(script), "</script", `<\/script`)
}

// pasteRecipes puts the modules of docs/page.md into a project, where the page
// says that they stand, with what is the reader's own beside them.
func pasteRecipes(t *testing.T, project string) {
	t.Helper()
	files := map[string]string{
		"app/token/route.ts": recipes(t, "ts")[0],
		"access.ts":          "export const mayWatch = async (request: Request, videoId: unknown) => request.headers.has(\"cookie\") && videoId === \"my-video\";\n",
		"environment.d.ts":   "declare const process: { env: Record<string, string | undefined> };\n",
	}
	for i, recipe := range recipes(t, "tsx") {
		files[fmt.Sprintf("film-%d.tsx", i)] = recipe
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(project, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// checkRoute asks the route of docs/page.md as Next.js would.
func checkRoute(t *testing.T, project string) {
	run(t, project, tool(t, "esbuild"), "app/token/route.ts", "--bundle", "--format=esm", "--platform=node", "--outfile=route.mjs")
	const want = `403 {"code":"not_entitled"}
201 {"token":"t"}
asked https://tokens.example.com/v1/playback-tokens {"video_id":"my-video"} Bearer pt_k`
	if got := strings.TrimSpace(run(t, project, "node", "route-run.mjs")); got != want {
		t.Errorf("the route of docs/page.md: got\n%s\nwant\n%s", got, want)
	}
}

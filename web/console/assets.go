package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"time"

	"playtoken/web/timeline"
)

//go:embed static
var static embed.FS

//go:embed templates
var templates embed.FS

// version names the state of the static files, so that browsers keep them for good.
func version() string {
	sum := sha256.New()
	sum.Write(timeline.CSS())
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		panic(err) // the folder is embedded
	}
	for _, entry := range entries {
		data, _ := static.ReadFile("static/" + entry.Name())
		sum.Write(append(data, entry.Name()...))
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// assets is the folder of the static files.
func (c *Console) assets() string { return Path + "assets/" + c.version + "/" }

// file is a static file by its name.
func file(name string) ([]byte, error) {
	if name == "timeline.css" {
		return timeline.CSS(), nil
	}
	return static.ReadFile("static/" + name)
}

// asset serves a static file. Pages of an older version get the newer file, and do
// not keep it.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) {
	data, err := file(r.PathValue("file"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if r.PathValue("version") == c.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, r.PathValue("file"), time.Time{}, bytes.NewReader(data))
}

// addTemplates reads what pages are made of. Each page is a copy of the parts that
// all have, with its own content.
func (c *Console) addTemplates(*http.ServeMux) (err error) {
	functions := template.FuncMap{"when": c.when, "due": c.due, "from_now": c.fromNow, "state": stateOfKey, "kind": kindOfKey, "number": number, "rate": rateWords}
	c.pages, err = template.New("parts").Funcs(functions).ParseFS(templates, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return err
	}
	for _, name := range []string{"login.html", "form.html", "result.html", "problem.html"} {
		if _, err := c.parse(name); err != nil {
			return err
		}
	}
	return nil
}

func (c *Console) parse(name string) (*template.Template, error) {
	if known, ok := c.parsed[name]; ok {
		return known, nil
	}
	t, err := c.pages.Clone()
	if err == nil {
		t, err = t.ParseFS(templates, "templates/"+name)
	}
	if err != nil {
		return nil, err
	}
	c.parsed[name] = t
	return t, nil
}

// write writes a page without a session, whose template is a whole document.
func (c *Console) write(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	if err := c.parsed[name].ExecuteTemplate(&body, "document", data); err != nil {
		c.config.Log.Error("a page of the console could not be written", "page", name, "error", err)
		http.Error(w, "This page could not be written; the service's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body.Bytes())
}

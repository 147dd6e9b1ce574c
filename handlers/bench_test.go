package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"playtoken/handlers"
	"playtoken/limits"
	"playtoken/projects"
)

// views returns the same project for every id.
type views struct{}

func (views) Project(_ context.Context, id string) (projects.Project, error) {
	return projects.Project{ID: id}, nil
}

// BenchmarkMint compares with a handler that only echoes JSON: what is left
// between the two is authorisation, decoding and the token itself.
func BenchmarkMint(b *testing.B) {
	w, done := newWorld(b)
	defer done()
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		data, _ := io.ReadAll(r.Body)
		json.Unmarshal(data, &body)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(body)
	})
	// With a stored API key, limits and the audit log.
	d, closeIt := deploy(b, func(c *handlers.Config) { c.Limits, c.View = limits.NewLocal(), views{} })
	defer closeIt()
	for _, c := range []struct {
		name    string
		handler http.Handler
		key     string
		body    func(int) string
	}{
		{"echo", echo, apiKey, func(int) string { return `{"video_id":"vid"}` }},
		{"equal", w, apiKey, func(int) string { return `{"video_id":"vid"}` }},
		{"distinct", w, apiKey, func(i int) string { return fmt.Sprintf(`{"video_id":"vid%d"}`, i) }},
		{"everything", d, accessToken, func(int) string { return `{"video_id":"vid"}` }},
	} {
		b.Run(c.name, func(b *testing.B) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			for i := 0; b.Loop(); i++ {
				r, _ := http.NewRequest("POST", server.URL+"/v1/playback-tokens", strings.NewReader(c.body(i)))
				r.Header.Set("Authorization", "Bearer "+c.key)
				r.Header.Set("Content-Type", "application/json")
				answer, err := server.Client().Do(r)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode/100 != 2 {
					b.Fatal(answer.Status)
				}
			}
		})
	}
}

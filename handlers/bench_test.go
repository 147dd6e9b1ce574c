package handlers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

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
	for _, c := range []struct {
		name    string
		handler http.Handler
		body    func(int) string
	}{
		{"echo", echo, func(int) string { return `{"video_id":"vid"}` }},
		{"equal", w, func(int) string { return `{"video_id":"vid"}` }},
		{"distinct", w, func(i int) string { return fmt.Sprintf(`{"video_id":"vid%d"}`, i) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			for i := 0; b.Loop(); i++ {
				r, _ := http.NewRequest("POST", server.URL+"/v1/playback-tokens", strings.NewReader(c.body(i)))
				r.Header.Set("Authorization", "Bearer "+apiKey)
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

package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"playtoken/client"
)

// mayWatch is a site's own: who asks, and what they may watch.
func mayWatch(r *http.Request, videoID string) bool {
	return r.Header.Get("Cookie") != "" && videoID == "my-video"
}

// token answers POST /token {"video_id": "…"}.
func token(tokens *client.Client, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	var asked struct {
		VideoID string `json:"video_id"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&asked)
	if err != nil || !mayWatch(r, asked.VideoID) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	minted, err := tokens.Mint(r.Context(), client.TokenRequest{VideoID: asked.VideoID})
	if err != nil {
		log.Print(err) // for you, not for the viewer
		w.WriteHeader(statusOf(w, err))
		return
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(minted) // the viewer has gone
}

// statusOf is what a page is told: when to ask again, or that it is of no use.
func statusOf(w http.ResponseWriter, err error) int {
	var failed *client.Error
	switch {
	case errors.As(err, &failed) && failed.Code == "not_entitled":
		return http.StatusForbidden
	case errors.As(err, &failed) && failed.RetryAfter > 0:
		w.Header().Set("Retry-After", fmt.Sprintf("%.0f", failed.RetryAfter.Seconds()))
	}
	return http.StatusServiceUnavailable
}

// The back end of a page, which docs/backends.md quotes.
func Example_backEnd() {
	tokens, err := client.New(client.Config{
		URL:       "https://tokens.example.com",
		APIKey:    "pt_example",
		Transport: &service{answers: []string{"201", "403", "429 60"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	for range 3 {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/token", strings.NewReader(`{"video_id":"my-video"}`))
		r.Header.Set("Cookie", "session=a")
		token(tokens, w, r)
		var answer client.Token
		_ = json.NewDecoder(w.Body).Decode(&answer) // a refusal has none
		fmt.Printf("%d token %q, again in %q\n", w.Code, answer.Token, w.Header().Get("Retry-After"))
	}
	// Output:
	// 201 token "t", again in ""
	// 503 token "", again in ""
	// 503 token "", again in "60"
}

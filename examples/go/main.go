// Command go is a page's back end in Go: run it with
//
//	PLAYTOKEN_URL=https://tokens.example.com PLAYTOKEN_API_KEY=pt_… go run ./examples/go
//
// The page asks POST /token {"video_id": "…"}. The API key stays here.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"slices"

	"playtoken/client"
)

// Put your own login in place of this: who asks, and what they may watch.
var videosOf = map[string][]string{"session-of-ann": {"counter"}}

func token(tokens *client.Client, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	session, err := r.Cookie("session")
	if err != nil || videosOf[session.Value] == nil {
		http.Error(w, `{"code":"unauthenticated"}`, http.StatusUnauthorized)
		return
	}
	var asked client.TokenRequest
	err = json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&asked)
	if err != nil || !slices.Contains(videosOf[session.Value], asked.VideoID) {
		http.Error(w, `{"code":"not_entitled"}`, http.StatusForbidden)
		return
	}
	minted, err := tokens.Mint(r.Context(), client.TokenRequest{VideoID: asked.VideoID})
	if err != nil {
		log.Print(err) // for you, not for the viewer
		http.Error(w, `{"code":"unavailable"}`, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(minted) // the viewer has gone
}

func main() {
	tokens, err := client.New(client.Config{URL: os.Getenv("PLAYTOKEN_URL"), APIKey: os.Getenv("PLAYTOKEN_API_KEY")})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) { token(tokens, w, r) })
	at, err := net.Listen("tcp", "127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "3000"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", at.Addr())
	log.Fatal(http.Serve(at, nil))
}

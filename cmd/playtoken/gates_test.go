package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/gate/sample"
	"playtoken/vaultkeys"
)

// startGate runs a gate of several, with a gate's rights in Vault.
func (w *vaultDeployment) startGate(media string) *server {
	w.t.Helper()
	before := w.environ
	defer func() { w.environ = before }()
	w.environ = w.as(vaultkeys.Gate, "PLAYTOKEN_GATE_STORE=vault", "PLAYTOKEN_GATE_API_KEY="+gateKey,
		"PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_DATA="+filepath.Join(w.dir, "none.db"))
	return w.startServer("gate", "--media", media)
}

// copySample puts the sample video into a media folder.
func copySample(t *testing.T, dir string) (media string) {
	t.Helper()
	media = filepath.Join(dir, "media")
	files, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(media, files); err != nil {
		t.Fatal(err)
	}
	return media
}

func fetch(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestGatesShareAVault: a viewer whom one gate admits watches at the other, also
// while Vault is sealed; keys can then not be changed.
func TestGatesShareAVault(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes")
	w := newVaultDeployment(t)
	media := copySample(t, w.dir)
	one, two := w.startGate(media), w.startGate(media)
	w.environ = w.as(vaultkeys.Rotator, "PLAYTOKEN_PLATFORM=gate", "PLAYTOKEN_PLATFORM_URL="+one.url,
		"PLAYTOKEN_PLATFORM_LANDING_URL=", "PLAYTOKEN_PLATFORM_EMBED_URL=", "PLAYTOKEN_PLATFORM_HLS_URL=")
	w.must(&struct{}{}, "rotate")
	var token tokenView
	w.must(&token, "token", "mint", sample.VideoID)
	client := newClient(t)
	at := func(g *server, target string) int {
		status, err := plays(t.Context(), client, g.url+target)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	open := strings.TrimPrefix(token.URLs.HLS, one.url)
	_, playlist := fetch(t, client, one.url+open)
	_, ticket, _ := strings.Cut(playlist, "ticket=")
	ticket, _, _ = strings.Cut(ticket, "\n")
	watch := "/" + sample.VideoID + "/hls.m3u8?ticket=" + strings.Trim(ticket, `"`)
	for _, g := range []*server{one, two} {
		if got := []int{at(g, open), at(g, watch)}; got[0] != 200 || got[1] != 200 {
			t.Fatalf("token and ticket at %s: got %v, want 200 for both\n%s", g.url, got, playlist)
		}
	}
	w.vault.Seal()
	keys := func() (status int) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", two.url+"/v2/jwt_keys", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+gateKey)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if got := []int{at(one, open), at(two, watch), keys()}; got[0] != 200 || got[1] != 200 || got[2] != 503 {
		t.Errorf("token, ticket and the list of keys while Vault is sealed: got %v, want 200, 200 and 503", got)
	}
	w.vault.Unseal()
	for end := time.Now().Add(time.Minute); keys() != 200; {
		if time.Now().After(end) {
			t.Fatal("the list of keys after Vault was unsealed: got no 200 in a minute")
		}
	}
	one.stop()
	two.stop()
}

package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/client"
)

const apiKey = "pt_abc_canary-of-a-secret"

// service answers each request with the next of its answers, and with the last one
// from then on. An answer is a status and what Retry-After says, or "lost".
type service struct {
	answers []string
	asked   []*http.Request
	bodies  []string
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	answer := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked, s.bodies = append(s.asked, r), append(s.bodies, string(body))
	if answer == "lost" {
		return nil, errors.New("connection reset by peer")
	}
	var status int
	var after string
	_, _ = fmt.Sscan(answer, &status, &after) // the second is optional
	header := http.Header{"X-Request-Id": {"R"}}
	text := `{"token":"t","video_id":"v","expires_in":600,"urls":{"hls":"https://x.example/"},"delivery":{"place":"query","name":"jwt","renew":"request"},"access_token":"a","refresh_token":"r","a_new_member":1}`
	if status/100 != 2 {
		header.Set("Retry-After", after)
		text = fmt.Sprintf(`{"status":%d,"code":"code_%[1]d","detail":"d","request_id":"R","errors":[{"field":"video_id","detail":"wrong"}]}`, status)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text))}, nil
}

func newClient(t *testing.T, s *service, change ...func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{URL: "https://tokens.example.com/", APIKey: apiKey, Transport: s}
	for _, c := range change {
		c(&config)
	}
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatMayPassIsWaitedOut(t *testing.T) {
	mint := func(ctx context.Context, c *client.Client) error {
		_, err := c.Mint(ctx, client.TokenRequest{VideoID: "v"})
		return err
	}
	exchange := func(ctx context.Context, c *client.Client) error { _, err := c.Exchange(ctx); return err }
	refresh := func(ctx context.Context, c *client.Client) error { _, err := c.Refresh(ctx, "r"); return err }
	for name, c := range map[string]struct {
		answers  []string
		call     func(context.Context, *client.Client) error
		requests int
		status   int // of the error; -1: it succeeds
		waits    time.Duration
	}{
		"at once":                  {[]string{"201"}, mint, 1, -1, 0},
		"the limit is over":        {[]string{"429 2", "201"}, mint, 2, -1, 2 * time.Second},
		"the store is away":        {[]string{"503 1", "503 3", "201"}, mint, 3, -1, 4 * time.Second},
		"the answer is lost":       {[]string{"lost", "201"}, mint, 2, -1, 0},
		"it takes too long":        {[]string{"503 4"}, mint, 2, 503, 4 * time.Second},
		"it would take too long":   {[]string{"429 60"}, mint, 1, 429, 0},
		"the request is wrong":     {[]string{"422"}, mint, 1, 422, 0},
		"the key is wrong":         {[]string{"401"}, mint, 1, 401, 0},
		"a redirect":               {[]string{"307"}, mint, 1, 307, 0},
		"an exchange is lost":      {[]string{"lost", "200"}, exchange, 2, -1, 0},
		"a refresh is lost":        {[]string{"lost", "200"}, refresh, 1, 0, 0},
		"a refresh fails":          {[]string{"503 1", "200"}, refresh, 1, 503, 0},
		"a refresh is over limits": {[]string{"429 1", "200"}, refresh, 2, -1, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{answers: c.answers}
			start := time.Now()
			err := c.call(t.Context(), newClient(t, s))
			var failed *client.Error
			if status := -1; errors.As(err, &failed) || c.status >= 0 {
				if failed != nil {
					status = failed.Status
				}
				if status != c.status {
					t.Errorf("%s: got %v, want the status %d", name, err, c.status)
				}
			}
			if took := time.Since(start); len(s.asked) != c.requests || took < c.waits || took > c.waits+time.Second {
				t.Errorf("%s: got %d requests in %s, want %d in %s", name, len(s.asked), took, c.requests, c.waits)
			}
		})
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := newClient(t, &service{answers: []string{"503 3"}}).Mint(ctx, client.TokenRequest{VideoID: "v"})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %s, want %v after 1s", err, time.Since(start), context.DeadlineExceeded)
		}
	})
}

// TestTheAPIKeyIsInOneHeader and never in a URL, an error, or what a client or its
// errors print.
func TestTheAPIKeyIsInOneHeader(t *testing.T) {
	s := &service{answers: []string{"403"}}
	c := newClient(t, s)
	_, err := c.Mint(t.Context(), client.TokenRequest{VideoID: "v"})
	_, again := c.Inspect(t.Context(), client.InspectRequest{Token: "t"})
	for _, r := range s.asked {
		if got := r.Header.Get("Authorization"); got != "Bearer "+apiKey {
			t.Errorf("got the header %q, want the API key", got)
		}
	}
	told := fmt.Sprintf("%v %+v %#v %v %+v %v %v", err, err, err, c, *c, again, s.asked[0].URL)
	if strings.Contains(told, "canary") || strings.Contains(strings.Join(s.bodies, ""), "canary") {
		t.Errorf("got the API key in %s or %q, want it in the header alone", told, s.bodies)
	}
}

func TestARefusalIsTheProblemDocument(t *testing.T) {
	_, err := newClient(t, &service{answers: []string{"422"}}).Mint(t.Context(), client.TokenRequest{})
	var failed *client.Error
	if !errors.As(err, &failed) || failed.Code != "code_422" || failed.RequestID != "R" || len(failed.Fields) != 1 || failed.Fields[0].Field != "video_id" {
		t.Errorf("got %#v, want the members of the problem document", err)
	}
	if want := "playtoken: POST /v1/playback-tokens: 422 code_422: d"; err.Error() != want {
		t.Errorf("got the text %q, want %q", err, want)
	}
}

func TestWrongConfigurations(t *testing.T) {
	token := func(context.Context) (string, error) { return "t", nil }
	for name, config := range map[string]client.Config{
		"no address":      {APIKey: apiKey},
		"another scheme":  {URL: "ftp://x.example", APIKey: apiKey},
		"a user":          {URL: "https://u:p@x.example", APIKey: apiKey},
		"a query":         {URL: "https://x.example/?a", APIKey: apiKey},
		"no credential":   {URL: "https://x.example"},
		"a line's end":    {URL: "https://x.example", APIKey: apiKey + "\n"},
		"an ellipsis":     {URL: "https://x.example", APIKey: apiKey + "…"},
		"two credentials": {URL: "https://x.example", APIKey: apiKey, AccessToken: token},
	} {
		if _, err := client.New(config); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want an error without the API key", name, err)
		}
	}
}

func FuzzItem(f *testing.F) {
	f.Add(`{"token":"t","expires_at":"2026-01-02T03:04:05Z"}`)
	f.Add(`{"error":{"status":422,"code":"video_invalid"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var item client.Item
		if json.Unmarshal([]byte(text), &item) == nil && item.Err != nil && item.Token.Token != "" {
			t.Errorf("%s: got a token and an error, want one of them", text)
		}
	})
}

func ExampleClient_Mint() {
	tokens, err := client.New(client.Config{URL: "https://tokens.example.com", APIKey: "pt_…"})
	if err != nil {
		return // the configuration is wrong
	}
	http.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		// First find out who asks, and whether they may watch this video.
		token, err := tokens.Mint(r.Context(), client.TokenRequest{VideoID: "my-video"})
		var failed *client.Error
		if errors.As(err, &failed) && failed.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		json.NewEncoder(w).Encode(token)
	})
}

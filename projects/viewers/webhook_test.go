package viewers_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/projects"
	"playtoken/projects/viewers"
	"playtoken/secret"
	"playtoken/store"
)

func hooked(url string) projects.Project {
	p := project()
	p.ViewerPolicy.Webhook = &projects.Webhook{URL: url}
	return p
}

const yes = `{"entitled":true}`

// hook is a webhook on a real port.
func hook(t *testing.T, answer http.HandlerFunc) string {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL + "/may-watch?key=query-canary"
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); fmt.Fprint(w, yes) }
}

func TestOnlyAClearYesEntitles(t *testing.T) {
	v := newViewers(t, viewers.Config{})
	other := hook(t, says(yes))
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		good   bool
	}{
		"yes":                 {says(yes), true},
		"yes, in other words": {says("\n { \"entitled\" :\ttrue } \n"), true},
		"no":                  {says(`{"entitled":false}`), false},
		"nothing":             {says(""), false},
		"an empty object":     {says(`{}`), false},
		"null":                {says(`null`), false},
		"null inside":         {says(`{"entitled":null}`), false},
		"only true":           {says(`true`), false},
		"a text":              {says(`{"entitled":"true"}`), false},
		"a number":            {says(`{"entitled":1}`), false},
		"in capitals":         {says(`{"Entitled":true}`), false},
		"both":                {says(`{"entitled":false,"entitled":true}`), false},
		"more than asked":     {says(`{"entitled":true,"until":3}`), false},
		"and then something":  {says(yes + `x`), false},
		"twice":               {says(yes + yes), false},
		"a page":              {says(`<html>true</html>`), false},
		"not UTF-8":           {says("{\"entitled\":true,\"\xff\":1}"), false},
		"too long":            {says(yes + strings.Repeat(" ", 5000)), false},
		"201":                 {status(201), false},
		"204":                 {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, false},
		"400":                 {status(400), false},
		"403":                 {status(403), false},
		"500":                 {status(500), false},
		"503":                 {status(503), false},
		"301":                 {to(other, 301), false},
		"302":                 {to(other, 302), false},
		"307":                 {to(other, 307), false},
		"308":                 {to(other, 308), false},
		"hangs up":            {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
		"hangs up half-way": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "30")
			fmt.Fprint(w, yes)
			panic(http.ErrAbortHandler)
		}, false},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := io.WriteString(w, yes); err != nil {
					return
				}
			}
		}, false},
	} {
		err := v.Entitled(t.Context(), hooked(hook(t, c.answer)), question())
		denied, is := errors.AsType[*viewers.NotEntitled](err)
		if c.good != (err == nil) || err != nil && (!is || denied.Rule != "webhook") {
			t.Errorf("%s: got %v, want the opposite, or *NotEntitled by the webhook", name, err)
		}
	}
}

func to(url string, code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, code) }
}

// verified checks a question as Standard Webhooks says, by its text alone.
func verified(t *testing.T, key []byte, r *http.Request) map[string]any {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
		t.Errorf("signature %q, want %q", r.Header.Get("webhook-signature"), want)
	}
	var members map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		t.Errorf("body %s: got %v, want the documented members", body, err)
	}
	return members
}

func TestQuestionsAreSigned(t *testing.T) {
	raw := []byte("a key of 24 bytes, or so")
	for text, key := range map[string][]byte{
		"hook-secret-canary":                              []byte("hook-secret-canary"),
		"whsec_" + base64.StdEncoding.EncodeToString(raw): raw,
	} {
		ids := map[string]bool{}
		url := hook(t, func(w http.ResponseWriter, r *http.Request) {
			asked := verified(t, key, r)
			ids[r.Header.Get("webhook-id")] = true
			got := fmt.Sprint(r.Method, " ", r.Header.Get("Content-Type"), " ", r.Header.Get("webhook-timestamp"), " ", asked)
			want := "POST application/json 1798113600 map[now:2026-12-24T12:00:00Z project_id:project_a " +
				"request:map[batch_size:70 caller:viewer drm_policy:hd expires_in:600 ip:192.0.2.7 origin:https://www.example.com project_id:project_a " +
				"signing:sign/drm viewer_ip:192.0.2.9] request_id:req-1 video_id:film-7 viewer:map[claims:map[a:b n:9007199254740993] id:viewer-1 ip:192.0.2.7 issuer:https://login.example.com]]"
			if got != want {
				t.Errorf("asked\n%s, want\n%s", got, want)
			}
			fmt.Fprint(w, yes)
		})
		v := newViewers(t, viewers.Config{Clock: atNoon})
		p, ask := hooked(url), question()
		p.WebhookSecret = secret.New(text)
		ask.Viewer.Claims = map[string]any{"a": "b", "n": int64(9007199254740993)}
		for range 3 {
			if err := v.Entitled(t.Context(), p, ask); err != nil {
				t.Error(err)
			}
		}
		if len(ids) != 3 {
			t.Errorf("three requests: got the ids %v, want 3 different ones", ids)
		}
	}
}

func TestWithoutAUsableSecretThereIsNoCall(t *testing.T) {
	url := hook(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	v := newViewers(t, viewers.Config{})
	for _, text := range []string{"", "whsec_", "whsec_!", "whsec_AAA"} {
		p := hooked(url)
		p.WebhookSecret = secret.New(text)
		if err := v.Entitled(t.Context(), p, question()); !denies(err, "webhook") {
			t.Errorf("secret %q: got %v, want a denial by the webhook", text, err)
		}
	}
}

func denies(err error, rule string) bool {
	denied, is := errors.AsType[*viewers.NotEntitled](err)
	return is && denied.Rule == rule
}

func TestTheRuleIsAskedFirst(t *testing.T) {
	var asked atomic.Int32
	url := hook(t, func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); fmt.Fprint(w, `{"entitled":false}`) })
	v := newViewers(t, viewers.Config{})
	p := hooked(url)
	p.ViewerPolicy.Rule = `false`
	if err := v.Entitled(t.Context(), p, question()); !denies(err, "rule") || asked.Load() != 0 {
		t.Errorf("rule that denies: got %v, %d requests, want a denial by the rule and no request", err, asked.Load())
	}
	p.ViewerPolicy.Rule = `true`
	for n := range 2 { // and each time, of old
		if err := v.Entitled(t.Context(), p, question()); !denies(err, "webhook") || int(asked.Load()) != n+1 {
			t.Errorf("rule that entitles: got %v, %d requests, want a denial by the webhook", err, asked.Load())
		}
	}
}

func TestWebhooksAtPrivateAddressesAreNotCalled(t *testing.T) {
	var reached atomic.Int32
	url := hook(t, func(w http.ResponseWriter, _ *http.Request) { reached.Add(1); fmt.Fprint(w, yes) })
	v, err := viewers.New(viewers.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, address := range []string{url, strings.Replace(url, "127.0.0.1", "localhost", 1), strings.Replace(url, "http:", "https:", 1),
		strings.Replace(url, "http://127.0.0.1", "https://localhost", 1), "https://169.254.169.254/", "https://[::1]/", "ftp://example.com/", "\x00"} {
		if err := v.Entitled(t.Context(), hooked(address), question()); !denies(err, "webhook") {
			t.Errorf("%s: got %v, want a denial by the webhook", address, err)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("refused addresses: got %d requests, want 0", reached.Load())
	}
	allowed := newViewers(t, viewers.Config{})
	for _, address := range []string{url, strings.Replace(url, "127.0.0.1", "localhost", 1)} {
		if err := allowed.Entitled(t.Context(), hooked(address), question()); err != nil {
			t.Errorf("allowed address %s: got %v, want no error", address, err)
		}
	}
}

func TestASlowWebhookIsGivenItsTime(t *testing.T) {
	for timeout, want := range map[int64]time.Duration{0: 3 * time.Second, 1: time.Second, 10: 10 * time.Second, 3000: 10 * time.Second, -1: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			v, _ := viewers.New(viewers.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})})
			defer v.Close()
			p, began := hooked("https://hook.example.com"), time.Now()
			p.ViewerPolicy.Webhook.Timeout = timeout
			if err := v.Entitled(t.Context(), p, question()); !denies(err, "webhook") || time.Since(began) != want {
				t.Errorf("timeout %d: got %v after %s, want a denial after the timeout", timeout, err, time.Since(began))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := v.Entitled(ctx, p, question()); !errors.Is(err, context.DeadlineExceeded) || denies(err, "webhook") {
				t.Errorf("caller that disconnects: got %v, want context.DeadlineExceeded", err)
			}
		})
	}
}

func TestAnAnswerThatDripsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := viewers.New(viewers.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
			read, write := io.Pipe()
			context.AfterFunc(r.Context(), func() { write.CloseWithError(r.Context().Err()) })
			go func() {
				for _, letter := range yes {
					time.Sleep(time.Second)
					fmt.Fprint(write, string(letter))
				}
			}()
			return &http.Response{StatusCode: 200, Body: read}, nil
		})})
		defer v.Close()
		began := time.Now()
		if err := v.Entitled(t.Context(), hooked("https://hook.example.com"), question()); !denies(err, "webhook") || time.Since(began) != 3*time.Second {
			t.Errorf("slow webhook: got %v after %s, want a denial after 3s", err, time.Since(began))
		}
		time.Sleep(time.Minute)
	})
}

func TestASlowWebhookTakesNoMoreThanItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, most atomic.Int32
		v, _ := viewers.New(viewers.Config{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Host, "slow") {
				most.Store(max(most.Load(), under.Add(1)))
				defer under.Add(-1)
				time.Sleep(2 * time.Second)
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(yes))}, nil
		})})
		defer v.Close()
		slow, quick := hooked("https://slow.example.com"), hooked("https://quick.example.com")
		quick.ID = "project_b"
		var served, later atomic.Int32
		var all sync.WaitGroup
		for n := range 10_000 {
			all.Go(func() {
				err := v.Entitled(t.Context(), slow, asker(viewers.ByViewer, fmt.Sprint(n), fmt.Sprint(n)))
				busy, is := errors.AsType[*viewers.Unavailable](err)
				switch {
				case err == nil:
					served.Add(1)
				case is && errors.Is(err, store.ErrUnavailable) && busy.RetryAfter() == time.Second:
					later.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := v.Entitled(t.Context(), quick, question()); err != nil {
			t.Errorf("another project: got %v, want no error", err)
		}
		all.Wait()
		if most.Load() != viewers.MaxWebhookCalls || served.Load() < 7*viewers.MaxWebhookCalls || served.Load()+later.Load() != 10_000 {
			t.Errorf("got %d served, %d at once, %d refused for now, want the maximum at once for fifteen seconds, and the others refused", served.Load(), most.Load(), later.Load())
		}
		if err := v.Entitled(t.Context(), slow, question()); err != nil {
			t.Errorf("afterwards: got %v, want no error", err)
		}
	})
}

func TestWhatIsToldAboutAWebhook(t *testing.T) {
	log := &book{}
	var outcomes []string
	v := newViewers(t, viewers.Config{Log: log.log(), Watch: func(_, part, outcome string) { outcomes = append(outcomes, part+" "+outcome) }})
	echo := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }
	for _, answer := range []http.HandlerFunc{says(yes), says(`{"entitled":false}`), status(500), echo, to("https://other.example.com/?canary", 302)} {
		_ = v.Entitled(t.Context(), hooked(hook(t, answer)), question())
	}
	_ = v.Entitled(t.Context(), hooked("https://user:canary@hook.example.com/?canary"), question())
	if got := fmt.Sprint(outcomes); got != "[webhook ok webhook denied webhook failed webhook failed webhook failed webhook failed]" {
		t.Error(got)
	}
	if text := log.String(); strings.Contains(text, "canary") || strings.Count(text, "request_id=req-1") != 4 {
		t.Errorf("log: got %s, want four lines with the request's id and no secret", text)
	}
}

func FuzzAnswers(f *testing.F) {
	for _, body := range []string{yes, `{"entitled":false}`, `{"entitled":true,"entitled":true}`, `null`, `[true]`, "\xff"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		entitled, err := viewers.ReadResponse(body)
		compact := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(string(body))
		if entitled && (err != nil || compact != yes && !strings.Contains(compact, `\u`)) {
			t.Errorf("body %q: got entitled, want it only for the exact response", body)
		}
	})
}

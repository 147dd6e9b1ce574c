package viewers

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/projects"
	"playtoken/secret"
)

const (
	defaultWebhookTimeout = 3 * time.Second
	maxWebhookTimeout     = 10 * time.Second
	maxAnswer             = 4 << 10 // bytes
	// maxAsking is how many questions of one project its webhook is asked at
	// a time, by each process. Whoever comes beyond is told to come back, so
	// that a slow webhook uses up nobody else's connections and memory.
	maxAsking = 64
)

// secretPrefix marks a secret that is written as Standard Webhooks has it, the
// rest being base64 of the key. Any other text is the key itself.
const secretPrefix = "whsec_"

// slots counts the questions that are under way, by project.
type slots struct {
	mu    sync.Mutex
	taken map[string]int
}

func (s *slots) take(project string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[project] >= maxAsking {
		return false
	}
	if s.taken == nil {
		s.taken = map[string]int{}
	}
	s.taken[project]++
	return true
}

func (s *slots) release(project string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[project]--; s.taken[project] == 0 {
		delete(s.taken, project)
	}
}

// askWebhook returns nil if the webhook says yes, *Unavailable if it has
// enough to do, and *NotEntitled whatever else becomes of it, unless it is the
// caller who gave up.
func (v *Viewers) askWebhook(ctx context.Context, project projects.Project, f facts) error {
	if !v.asking.take(project.ID) {
		v.config.Watch("webhook", "full")
		return &Unavailable{What: "the project's webhook is busy", After: time.Second}
	}
	defer v.asking.release(project.ID)
	entitled, err := v.post(ctx, project.ViewerPolicy.Webhook, project.WebhookSecret, f)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("ask the project's webhook: %w", ctx.Err())
	case err != nil:
		v.config.Log.LogAttrs(ctx, slog.LevelWarn, "webhook failed", slog.String("project_id", f.ProjectID),
			slog.String("request_id", f.RequestID), slog.String("error", brief(err.Error())))
		v.config.Watch("webhook", "failed")
	case entitled:
		v.config.Watch("webhook", "ok")
		return nil
	default:
		v.config.Watch("webhook", "denied")
	}
	return &NotEntitled{Rule: "webhook"}
}

// post asks once. A question that is not answered in time is not put again:
// the viewer waits for it.
func (v *Viewers) post(ctx context.Context, webhook *projects.Webhook, key secret.Value, f facts) (entitled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout(webhook))
	defer cancel()
	req, err := v.question(webhook.URL, key, f)
	if err != nil {
		return false, err
	}
	// No http.Client: it would follow redirects, and repeat the URL in errors.
	resp, err := outbound{v.guard, v.next, maxAnswer}.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("status %d, want 200", resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, fmt.Errorf("read its answer: %w", err)
	}
	return readAnswer(body)
}

func webhookTimeout(webhook *projects.Webhook) time.Duration {
	if webhook.Timeout <= 0 {
		return defaultWebhookTimeout
	}
	return min(time.Duration(min(webhook.Timeout, 3600))*time.Second, maxWebhookTimeout)
}

// question is the request, signed as Standard Webhooks has it: the id, the
// time and the body, joined by dots, under HMAC-SHA256. The id is new for each
// question, so that whoever remembers ids can refuse a replay.
func (v *Viewers) question(address string, key secret.Value, f facts) (*http.Request, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("its URL cannot be read")
	}
	signing, err := signingKey(key)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(f)
	if err != nil {
		return nil, errors.New("the question cannot be written as JSON")
	}
	id, at := "msg_"+strings.ToLower(rand.Text()), strconv.FormatInt(v.config.Clock().Unix(), 10)
	mac := hmac.New(sha256.New, signing)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	return &http.Request{
		Method: http.MethodPost, URL: u, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		Header: http.Header{
			"Content-Type":      {"application/json"},
			"Accept":            {"application/json"},
			"User-Agent":        {"playtoken"},
			"Webhook-Id":        {id},
			"Webhook-Timestamp": {at},
			"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
		},
	}, nil
}

// signingKey is the key that a project's webhook secret stands for. Without
// one, anybody could have asked, so nobody is asked.
func signingKey(value secret.Value) ([]byte, error) {
	encoded, standard := strings.CutPrefix(value.Reveal(), secretPrefix)
	key := []byte(encoded)
	if standard {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New(`its secret begins with "whsec_" and is not base64 after that`)
		}
	}
	if len(key) == 0 {
		return nil, errors.New("it has no secret to sign questions with")
	}
	return key, nil
}

// readAnswer takes exactly {"entitled": true} and {"entitled": false}.
func readAnswer(body []byte) (entitled bool, err error) {
	var answer struct {
		Entitled *bool `json:"entitled"`
	}
	if err := json.Unmarshal(body, &answer, json.RejectUnknownMembers(true)); err != nil || answer.Entitled == nil {
		return false, errors.New(`its answer is not {"entitled":true} or {"entitled":false}`)
	}
	return *answer.Entitled, nil
}

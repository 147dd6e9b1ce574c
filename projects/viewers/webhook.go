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
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

const (
	defaultWebhookTimeout = 3 * time.Second
	maxWebhookTimeout     = 10 * time.Second
	maxResponse           = 4 << 10 // bytes
)

// secretPrefix marks a secret in the form of Standard Webhooks, in which the rest
// is the base64 of the key. Any other text is the key itself.
const secretPrefix = "whsec_"

// callWebhook returns nil if the webhook says yes, *Unavailable if too many calls
// are in progress, the context's error if the caller has gone, and *NotEntitled in
// every other case.
func (v *Viewers) callWebhook(ctx context.Context, project projects.Project, c claim, f facts) error {
	switch err := v.webhookCalls.take(ctx, project.ID, c); {
	case errors.Is(err, store.ErrUnavailable):
		v.config.Watch(project.ID, "webhook", "full")
		return err
	case err != nil:
		return fmt.Errorf("wait for the project's webhook: %w", err)
	}
	defer v.webhookCalls.release(project.ID, c)
	entitled, err := v.post(ctx, project.ViewerPolicy.Webhook, project.WebhookSecret, f)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("call the project's webhook: %w", ctx.Err())
	case err != nil:
		v.failed(ctx, "webhook", f, brief(err.Error()))
	case entitled:
		v.config.Watch(project.ID, "webhook", "ok")
		return nil
	default:
		v.config.Watch(project.ID, "webhook", "denied")
	}
	return &NotEntitled{Rule: "webhook"}
}

// post calls the webhook once. A call that fails is not retried, because the viewer
// is waiting.
func (v *Viewers) post(ctx context.Context, webhook *projects.Webhook, key secret.Value, f facts) (entitled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout(webhook))
	defer cancel()
	req, err := v.newRequest(webhook.URL, key, f)
	if err != nil {
		return false, err
	}
	// No http.Client: it would follow redirects, and quote the URL in errors.
	resp, err := outbound{guard: v.guard, next: v.next, max: maxResponse}.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("status %d, want 200", resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, fmt.Errorf("read its response: %w", err)
	}
	return readResponse(body)
}

func webhookTimeout(webhook *projects.Webhook) time.Duration {
	if webhook.Timeout <= 0 {
		return defaultWebhookTimeout
	}
	return min(time.Duration(min(webhook.Timeout, 3600))*time.Second, maxWebhookTimeout)
}

// newRequest signs the request as Standard Webhooks defines it: HMAC-SHA256 of the
// id, the time and the body, joined by dots. Each request has a new id, so that a
// webhook that remembers ids can refuse a replay.
func (v *Viewers) newRequest(address string, key secret.Value, f facts) (*http.Request, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("its URL is malformed")
	}
	signing, err := signingKey(key)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(f)
	if err != nil {
		return nil, errors.New("the request cannot be encoded as JSON")
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

// signingKey is the key in a project's webhook secret. Without one the webhook
// could not tell who calls, so it is not called.
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
		return nil, errors.New("it has no secret to sign requests with")
	}
	return key, nil
}

// readResponse accepts exactly {"entitled": true} and {"entitled": false}.
func readResponse(body []byte) (entitled bool, err error) {
	var response struct {
		Entitled *bool `json:"entitled"`
	}
	if err := json.Unmarshal(body, &response, json.RejectUnknownMembers(true)); err != nil || response.Entitled == nil {
		return false, errors.New(`its response is neither {"entitled":true} nor {"entitled":false}`)
	}
	return *response.Entitled, nil
}

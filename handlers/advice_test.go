package handlers_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/platforms/lint"
	"playtoken/store"
)

// advised asks for an inspection, and returns the codes of the reasons and of the
// advice.
func (d *deployment) advised(t *testing.T, token string) (reasons, advice []string) {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"token": token})
	got := d.ask("POST", inspect, d.keys["mint"], string(body))
	var found struct {
		Reasons []string
		Advice  []lint.Advice
	}
	if err := json.Unmarshal(got.Body.Bytes(), &found); err != nil || got.Code != 200 {
		t.Fatalf("inspect: got %s, want 200", got.Body)
	}
	for _, one := range found.Advice {
		advice = append(advice, one.Code)
		if strings.Contains(one.Detail, token) {
			t.Errorf("advice %q: got the token in it, want none", one.Detail)
		}
	}
	return found.Reasons, advice
}

func TestInspectionComesWithAdvice(t *testing.T) {
	trouble := error(nil)
	d, done := deploy(t, func(c *handlers.Config) {
		c.Expects = func(context.Context, string) (*lint.Expected, error) {
			return &lint.Expected{Video: "sub", Audiences: true}, trouble
		}
	})
	defer done()
	good := decoded(t, d.ask("POST", mint, d.keys["mint"], `{"video_id":"vid1","expires_in":60}`))["token"].(string)
	part := func(format string, values ...any) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, format, values...))
	}
	_, signature, _ := strings.Cut(good[strings.Index(good, ".")+1:], ".")
	claims := part(`{"sub":"vid1","exp":%d}`, time.Now().Add(time.Minute).Unix())
	for name, c := range map[string]struct {
		token           string
		reasons, advice []string
	}{
		"good":                   {good, []string{}, nil},
		"a header's value":       {"Bearer " + good, []string{"token_malformed"}, []string{"bearer"}},
		"an end in milliseconds": {part(`{"alg":"RS256","kid":"key-2"}`) + "." + part(`{"sub":"vid1","exp":%d}`, time.Now().UnixMilli()) + "." + signature, []string{"token_malformed"}, []string{"time_in_other_unit"}},
		"a fingerprint as kid":   {part(`{"alg":"RS256","kid":%q}`, activeKey(t).Fingerprint) + "." + claims + "." + signature, []string{"unknown_key"}, []string{"kid_of_another_kind"}},
		"a generation as kid":    {part(`{"alg":"RS256","kid":"2"}`) + "." + claims + "." + signature, []string{"unknown_key"}, []string{"kid_of_another_kind"}},
		"a secret":               {part(`{"alg":"HS256","kid":"key-2"}`) + "." + claims + "." + signature, []string{"token_malformed"}, []string{"alg_symmetric"}},
		"a deleted key":          {part(`{"alg":"RS256","kid":"key-1"}`) + "." + claims + "." + signature, []string{"key_not_usable"}, nil},
		"every video":            {part(`{"alg":"RS256","kid":"key-2"}`) + "." + part(`{"exp":%d}`, time.Now().Add(time.Minute).Unix()) + "." + signature, []string{"signature_invalid"}, []string{"opens_everything"}},
		"a life beyond the key":  {part(`{"alg":"RS256","kid":"key-2"}`) + "." + part(`{"sub":"vid1","exp":%d}`, time.Now().Add(48*time.Hour).Unix()) + "." + signature, []string{"signature_invalid"}, []string{"life_too_long"}},
	} {
		if reasons, advice := d.advised(t, c.token); !slices.Equal(reasons, c.reasons) || !slices.Equal(advice, c.advice) {
			t.Errorf("%s: got reasons %v and advice %v, want %v and %v", name, reasons, advice, c.reasons, c.advice)
		}
	}
	trouble = errors.Join(store.ErrUnavailable)
	if got := d.ask("POST", inspect, d.keys["mint"], `{"token":"x"}`); got.Code != 503 {
		t.Errorf("inspect while the project cannot be read: got %s, want 503", got.Body)
	}
}

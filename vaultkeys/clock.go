package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
)

// Now returns the time of Vault's clock. It is accurate to half a second plus half
// the time that the response took. Errors: store.ErrUnavailable, also while
// Vault is sealed.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	// Any node will do, a standby included.
	r := request{
		method: http.MethodGet, path: "sys/health", timeout: min(s.timeout, clockTimeout), cluster: true,
		query: url.Values{"standbyok": {"true"}, "perfstandbyok": {"true"}},
	}
	asked := time.Now()
	body, err := s.send(ctx, r)
	took := time.Since(asked)
	if err != nil {
		return time.Time{}, fmt.Errorf("vault's clock: %w", err)
	}
	var health struct {
		Seconds int64 `json:"server_time_utc"` // rounded down
	}
	if err := json.Unmarshal(body, &health); err != nil || health.Seconds <= 0 {
		return time.Time{}, fmt.Errorf("vault's clock: %w", r.unconfirmed(errors.New("the response has no time")))
	}
	return time.Unix(health.Seconds, 0).Add(time.Second/2 + took/2).UTC(), nil
}

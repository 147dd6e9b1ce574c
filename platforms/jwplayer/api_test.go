package jwplayer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/jwplayer"
	"playtoken/platforms/jwplayer/jwplayertest"
	"playtoken/platforms/standin"
	"playtoken/secret"
)

// direct is a network without a network.
type direct struct {
	handler http.Handler
	refused atomic.Int64 // with 429
}

func (d *direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	d.handler.ServeHTTP(answer, r)
	if answer.Code == http.StatusTooManyRequests {
		d.refused.Add(1)
	}
	return answer.Result(), nil
}

func stand(site, apiSecret string) (*direct, platforms.Account) {
	credential := map[string]secret.Value{"signing_secret": secret.New(publishedSecret), "api_secret": secret.New(apiSecret)}
	d := &direct{handler: jwplayertest.Serve(standin.World{Credential: credential})}
	return d, platforms.Account{Settings: map[string]string{"site_id": site}, Credential: credential, Transport: d}
}

// persist checks, and comes back when it is told to.
func persist(ctx context.Context, p platforms.Platform) error {
	for {
		_, err := p.Check(ctx)
		var says interface{ RetryAfter() time.Duration }
		if !errors.Is(err, keyrotation.ErrThrottled) || !errors.As(err, &says) {
			return err
		}
		time.Sleep(says.RetryAfter())
	}
}

func TestReplicasShareTheMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, account := stand(jwplayertest.Site, "one secret for all")
		var crowd sync.WaitGroup
		for range 4 { // processes, which do not know of each other
			p, err := jwplayer.Kind().Open(account)
			if err != nil {
				t.Fatal(err)
			}
			for range 50 {
				crowd.Go(func() {
					if err := persist(t.Context(), p); err != nil {
						t.Error(err)
					}
				})
			}
		}
		start := time.Now()
		crowd.Wait()
		if took := time.Since(start); took > 10*time.Minute {
			t.Errorf("200 calls, 60 a minute, took %s", took)
		}
		if n := d.refused.Load(); n > 40 {
			t.Errorf("%d calls were one too many", n)
		}
	})
}

func TestAnAccountThatIsOpenedAgainDoesNotCountFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, account := stand(jwplayertest.Site, "the same secret")
		kind := jwplayer.Kind()
		var keep []platforms.Platform // as a cache of opened accounts would
		for range 90 {
			p, err := kind.Open(account)
			if err != nil {
				t.Fatal(err)
			}
			keep = append(keep, p)
			if err := persist(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if n := d.refused.Load(); n != 0 || len(keep) != 90 {
			t.Errorf("%d calls were one too many", n)
		}
	})
}

func TestAPropertyThatTheSecretIsNotFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, account := stand("zZzZ9999", "a secret")
		p, err := jwplayer.Kind().Open(account)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(t.Context()); !errors.Is(err, keyrotation.ErrUnauthorized) {
			t.Error(err)
		}
	})
}

package jwplayer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/client"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"
)

// The management API allows 60 calls a minute for each secret, from all processes
// together. The documentation does not say when a minute begins, and a response
// 429 does not say when to retry, so the wait is a whole minute.
const (
	window = time.Minute
	burst  = 10
	low    = 15 // calls left; from there on they are spread over the window
)

// newPace never sends more than 60 calls in any minute.
func newPace() *client.Pace {
	return &client.Pace{
		Limiter:   rate.NewLimiter(rate.Every(window/50), burst),
		Remaining: "jw-request-remaining",
		Limit:     "jw-request-limit",
		Window:    window,
		Low:       low,
	}
}

// api is the management API v2.
type api struct {
	site   string
	client *client.Client
	pace   *client.Pace
}

func newAPI(site string, account platforms.Account, pace *client.Pace) (*api, error) {
	base := cmp.Or(account.Settings["url"], DefaultURL)
	if _, err := client.ParseBase(base); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	c, err := client.New(client.Config{
		Base:       base,
		Credential: account.Credential["api_secret"],
		Authorize:  client.Bearer,
		Explain:    explain,
		Timeout:    account.Timeout,
		Pace:       pace,
		Transport:  account.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("api_secret: %w", err)
	}
	return &api{site: site, client: c, pace: pace}, nil
}

// check asks for the property's media, one at most: the cheapest question that
// only a live secret with a right to this property has answered.
func (a *api) check(ctx context.Context) (platforms.Health, error) {
	var answer struct {
		Media []jsontext.Value `json:"media"`
	}
	err := a.client.Do(ctx, client.Call{
		Method: http.MethodGet,
		Path:   "/sites/" + a.site + "/media/",
		Query:  url.Values{"page_length": {"1"}},
		Into:   &answer,
	})
	if err == nil && answer.Media == nil {
		err = errors.New("the answer holds no list of media")
	}
	if err != nil {
		return platforms.Health{}, fmt.Errorf("check api secret: %w", err)
	}
	health := platforms.Health{Detail: "the API secret may read the media of property " + a.site}
	if left, known := a.pace.Left(); known {
		health.Limit, health.Remaining, health.Window = a.pace.Allowed(), left, window
	}
	return health, nil
}

// explain reads what a refusal says.
func explain(body []byte) (code, text string) {
	var answer struct {
		Errors []struct {
			Code        string `json:"code"`
			Description string `json:"description"`
		} `json:"errors"`
	}
	if client.Decode(body, &answer) != nil || len(answer.Errors) == 0 {
		return "", ""
	}
	return answer.Errors[0].Code, answer.Errors[0].Description
}

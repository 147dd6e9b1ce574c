package apivideo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/signer"
)

// read makes a read that is already in the budget. A session that the platform
// does not accept is replaced, once, and the read made again: it changed
// nothing. Without a session it is signer.ErrUnavailable.
func (p *platform) read(ctx context.Context, call client.Call) error {
	session, err := p.sessions.get(ctx, nil)
	if err != nil {
		p.budget.giveBack()
		return unavailable{err}
	}
	err = p.send(ctx, call, session)
	if !is401(err) || p.account.basic {
		return err
	}
	// Another read may have found out before this one began, and what this one
	// was refused with is then the replacement already.
	if !session.doubted.Load() {
		if session, err = p.sessions.get(ctx, session); err != nil {
			return unavailable{err}
		}
		p.budget.spendNow()
		err = p.send(ctx, call, session)
	}
	if is401(err) {
		p.sessions.distrust(ctx, session, err)
	}
	return err
}

func (p *platform) send(ctx context.Context, call client.Call, with *session) error {
	call.Method, call.Credential = http.MethodGet, with.access
	err := p.api.Do(ctx, call)
	if err == nil && with.doubted.Load() {
		with.doubted.Store(false)
	}
	return err
}

func is401(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

func hasStatus(err error, status int) bool {
	var said *client.StatusError
	return errors.As(err, &said) && said.Status == status
}

// explain reads a refusal. Its type is the address of a page about it, whose
// last part is the code; what the parameter is called stands apart.
func explain(body []byte) (code, text string) {
	var problem struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Name   string `json:"name"`
		Detail string `json:"detail"`
	}
	if client.Decode(body, &problem) != nil {
		return "", ""
	}
	if u, err := url.Parse(problem.Type); err == nil {
		code = path.Base(u.Path)
	}
	text = problem.Title
	if problem.Detail != "" {
		text = problem.Detail
	}
	if problem.Name != "" {
		text = problem.Name + ": " + text
	}
	return code, text
}

// check logs in anew, so that it is the API key that is found alive and not
// what it was exchanged for, and makes the smallest read.
func (p *platform) check(ctx context.Context) (platforms.Health, error) {
	if p.keys != nil {
		if err := p.keys.check(ctx); err != nil {
			return platforms.Health{}, fmt.Errorf("check the admin key: %w", err)
		}
	}
	health := platforms.Health{Detail: p.describe(), Window: window}
	err := p.checkKey(ctx)
	var none *signer.NoActiveKey
	if p.keys != nil && errors.As(err, &none) {
		health.Detail += ", no active API key"
		return health, nil
	}
	if err != nil {
		return platforms.Health{}, fmt.Errorf("check the API key: %w", err)
	}
	if limit, remaining, told := p.budget.left(); told {
		health.Limit, health.Remaining = limit, remaining
	}
	return health, nil
}

func (p *platform) checkKey(ctx context.Context) error {
	with, err := p.sessions.anew(ctx)
	if err != nil {
		return err
	}
	p.budget.spendNow()
	var answer struct {
		Data []struct{} `json:"data"`
	}
	err = p.send(ctx, client.Call{
		Path:  "/videos",
		Query: url.Values{"currentPage": {"1"}, "pageSize": {"1"}},
		Into:  &answer,
	}, with)
	if err == nil && answer.Data == nil { // null is not an empty list
		err = errors.New("the answer holds no list")
	}
	return err
}

// describe says whose word a check is.
func (p *platform) describe() string {
	text := "api.video, " + p.account.environment
	if p.account.Settings["url"] != "" {
		text = "api.video at " + p.api.URL("", nil).Host
	}
	if p.keys != nil {
		text += ", API keys made in " + p.account.project
	}
	return text
}

// inspect says what can be said of a private token without using it up: that
// it looks like one. Whether it is still good is known to the platform alone,
// and asking would be the one use that it has.
func inspect(_ context.Context, token, videoID string, _ time.Time) (platforms.Verdict, error) {
	var reasons []platforms.Reason
	if !uuids.MatchString(token) {
		reasons = append(reasons, platforms.Reason{Code: "token_malformed", Detail: "a private token of api.video is a UUID"})
	}
	if videoID != "" && !videoIDs.MatchString(videoID) {
		reasons = append(reasons, platforms.Reason{Code: "video_not_allowed", Detail: "not a video id of api.video"})
	}
	if len(reasons) == 0 {
		reasons = append(reasons, platforms.Reason{
			Code:   "not_verifiable",
			Detail: "a private token opens its video once and holds nothing that could be read; asking api.video about it would use it up",
		})
	}
	return platforms.Verdict{Reasons: reasons}, nil
}

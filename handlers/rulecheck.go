package handlers

import (
	"context"
	"fmt"
	"time"

	"playtoken/projects/viewers"
)

// ruleBody is a rule of a viewer policy, and a mint to try it on.
type ruleBody struct {
	Rule  string     `json:"rule"`
	Facts *ruleFacts `json:"facts"` // null or absent: it is only compiled
}

// ruleFacts are what a rule reads, under the names that it reads them by. All may
// be left out.
type ruleFacts struct {
	Viewer struct {
		ID     string         `json:"id"`
		Issuer string         `json:"issuer"`
		IP     string         `json:"ip"`
		Claims map[string]any `json:"claims"`
	} `json:"viewer"`
	VideoID string `json:"video_id"`
	Request struct {
		Caller    viewers.Kind `json:"caller"`
		ExpiresIn int64        `json:"expires_in"` // seconds
		Signing   string       `json:"signing"`
		DRMPolicy string       `json:"drm_policy"`
		BatchSize int          `json:"batch_size"`
		Origin    string       `json:"origin"`
		IP        string       `json:"ip"`
	} `json:"request"`
	Now *time.Time `json:"now"` // null or absent: the present
}

var _ withCheck = ruleBody{}

func (b ruleBody) check() error {
	if b.Rule == "" {
		return invalidFields(fieldError{Field: "rule", Detail: "is empty: send the text of a rule"})
	}
	if f := b.Facts; f != nil && (f.Request.ExpiresIn < 0 || f.Request.ExpiresIn > maxSampleLife) {
		return invalidFields(fieldError{Field: "facts.request.expires_in", Detail: "must be 0 to 86400 seconds"})
	}
	return nil
}

// maxSampleLife is the longest lifetime of a sample's token, in seconds.
const maxSampleLife = 24 * 60 * 60

// sample is the mint that the facts tell of.
func (f *ruleFacts) sample() *viewers.Sample {
	if f == nil {
		return nil
	}
	sample := &viewers.Sample{Request: viewers.Request{
		Caller: f.Request.Caller, VideoID: f.VideoID, ExpiresIn: time.Duration(f.Request.ExpiresIn) * time.Second,
		Signing: f.Request.Signing, DRMPolicy: f.Request.DRMPolicy, BatchSize: f.Request.BatchSize,
		Origin: f.Request.Origin, IP: f.Request.IP,
		Viewer: viewers.Viewer{ID: f.Viewer.ID, Issuer: f.Viewer.Issuer, IP: f.Viewer.IP, Claims: f.Viewer.Claims},
	}}
	if f.Now != nil {
		sample.Now = *f.Now
	}
	return sample
}

// RuleCheck says whether a rule could be saved, and what it would say.
type RuleCheck struct {
	OK     bool        `json:"ok"` // it could be saved
	Error  *RuleFault  `json:"error"`
	Result *RuleResult `json:"result"` // null: there were no facts, or it is not ok
}

// RuleFault is why a rule cannot be saved.
type RuleFault struct {
	Message string `json:"message"`
	Line    int    `json:"line,omitzero"` // from 1; absent: it is about the whole rule
	Column  int    `json:"column,omitzero"`
}

// RuleResult is what a rule says about the facts.
type RuleResult struct {
	Entitled bool    `json:"entitled"`
	Reason   *string `json:"reason"` // why it came to no end, which denies; null: it did
}

func (s *server) checkRule(ctx context.Context, c call, body ruleBody) (RuleCheck, error) {
	if s.View != nil {
		if _, err := s.projectByID(ctx, c.project); err != nil {
			return RuleCheck{}, err
		}
	}
	if s.Viewers == nil {
		return RuleCheck{}, fmt.Errorf("check a rule for %s: this deployment cannot evaluate rules", c.project)
	}
	trial := s.Viewers.Try(ctx, body.Rule, c.project, body.Facts.sample())
	if fault := trial.Fault; fault != nil {
		return RuleCheck{Error: &RuleFault{Message: fault.Message, Line: fault.Line, Column: fault.Column}}, nil
	}
	checked := RuleCheck{OK: true}
	if trial.Ran {
		checked.Result = &RuleResult{Entitled: trial.Entitled, Reason: textOrNull(trial.Reason)}
	}
	return checked, nil
}

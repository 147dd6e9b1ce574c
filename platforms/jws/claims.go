package jws

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"playtoken/platforms/jwtkeys"
	"playtoken/signer"
)

// Bounds of a template of claims.
const (
	maxTemplate = 4 << 10 // bytes
	maxDepth    = 8
	maxNumber   = 1 << 53 // a JSON number would round larger integers
)

// What a text of a template may contain, in braces.
const (
	videoID   = "{video_id}"
	viewerID  = "{viewer_id}"
	viewerIP  = "{viewer_ip}"
	projectID = "{project_id}"
)

// timed and addressed are the claims that other settings make.
var timedAndAddressed = []string{"exp", "iat", "nbf", "iss", "aud", "kid"}

// template is the claims of a token before they are filled in.
type template struct {
	claims map[string]any
	uses   map[string]bool // by placeholder
}

// parseTemplate reads a template. Its errors say what to change.
func parseTemplate(text string) (template, error) {
	t := template{uses: map[string]bool{}}
	if len(text) > maxTemplate {
		return template{}, fmt.Errorf("longer than %d bytes", maxTemplate)
	}
	if err := json.Unmarshal([]byte(text), &t.claims); err != nil || t.claims == nil {
		return template{}, errors.New(`want a JSON object, such as {"sub":"{video_id}"}`)
	}
	for name := range t.claims {
		if jwtkeys.Named(name, timedAndAddressed...) {
			return template{}, fmt.Errorf("%q is made by another setting, or by the token itself", name)
		}
	}
	if err := t.check(t.claims, 1); err != nil {
		return template{}, err
	}
	if !t.uses[videoID] {
		return template{}, fmt.Errorf("no text contains %s: every token would open every video", videoID)
	}
	return t, nil
}

// check examines a value of a template, and notes the placeholders in it.
func (t *template) check(value any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	switch value := value.(type) {
	case string:
		return t.checkText(value)
	case float64:
		if math.Abs(value) >= maxNumber {
			return errors.New("a number is 2^53 or larger: write it as a text")
		}
	case []any:
		for _, item := range value {
			if err := t.check(item, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, item := range value {
			if strings.ContainsAny(name, "{}") {
				return fmt.Errorf("the name %q contains a brace: only values are filled in", name)
			}
			if err := t.check(item, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *template) checkText(text string) error {
	rest := text
	for _, placeholder := range []string{videoID, viewerID, viewerIP, projectID} {
		if strings.Contains(text, placeholder) {
			t.uses[placeholder] = true
			rest = strings.ReplaceAll(rest, placeholder, "")
		}
	}
	if strings.ContainsAny(rest, "{}") {
		return fmt.Errorf("the text %q contains a brace: only %s, %s, %s and %s can be filled in", text, videoID, viewerID, viewerIP, projectID)
	}
	return nil
}

// fill returns the claims with the values in place of the placeholders. The caller
// has checked the request.
func (t *template) fill(values *strings.Replacer) map[string]any {
	filled, _ := filled(t.claims, values).(map[string]any)
	return filled
}

func filled(value any, values *strings.Replacer) any {
	switch value := value.(type) {
	case string:
		return values.Replace(value)
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = filled(item, values)
		}
		return items
	case map[string]any:
		members := make(map[string]any, len(value)+4)
		for name, item := range value {
			members[name] = filled(item, values)
		}
		return members
	}
	return value
}

// enforces refuses a request that the claims cannot express, or that lacks what they
// need.
func (t *template) enforces(req signer.Request) error {
	for _, viewer := range []struct{ placeholder, member, value string }{
		{placeholder: viewerID, member: "viewer.id", value: req.Viewer.ID},
		{placeholder: viewerIP, member: "viewer.ip", value: req.Viewer.IP},
	} {
		switch uses := t.uses[viewer.placeholder]; {
		case uses && viewer.value == "":
			return fmt.Errorf("%w: the project's claims contain %s, so each request needs %s", signer.ErrNotEnforceable, viewer.placeholder, viewer.member)
		case !uses && viewer.value != "":
			return fmt.Errorf("%w: the project's claims do not contain %s", signer.ErrNotEnforceable, viewer.placeholder)
		case uses && !t.whole(t.claims, viewer.placeholder) && !isPlain(viewer.value):
			return fmt.Errorf("%w: %s is part of a longer claim: want 1 to 128 of A-Z, a-z, 0-9 and _.:@-", signer.ErrNotEnforceable, viewer.member)
		}
	}
	return nil
}

// whole reports whether a placeholder is always a text of its own, in which any
// value keeps its meaning.
func (t *template) whole(value any, placeholder string) bool {
	switch value := value.(type) {
	case string:
		return value == placeholder || !strings.Contains(value, placeholder)
	case []any:
		return !slices.ContainsFunc(value, func(item any) bool { return !t.whole(item, placeholder) })
	case map[string]any:
		for _, item := range value {
			if !t.whole(item, placeholder) {
				return false
			}
		}
	}
	return true
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

func isPlain(text string) bool {
	return len(text) >= 1 && len(text) <= 128 && strings.Trim(text, letters+".:@") == ""
}

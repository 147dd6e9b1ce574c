package gate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"playtoken/gate/register"
	"playtoken/gate/verify"
)

// maxReason is the longest reason, in characters, as in the service's API.
const maxReason = 200

// microseconds is RFC 3339 as precise as sessions begin.
const microseconds = "2006-01-02T15:04:05.000000Z"

// endRequest asks for the end of sessions: exactly one of the first four.
type endRequest struct {
	Viewer  *string `json:"viewer"`
	VideoID *string `json:"video_id"`
	KeyID   *string `json:"key_id"`
	All     *bool   `json:"all"`
	Reason  string  `json:"reason"`
}

// endSessions ends sessions that have begun. A playback token that is still
// valid opens new ones.
func (g *Gate) endSessions(w http.ResponseWriter, r *http.Request) error {
	var in endRequest
	if err := readBody(w, r, &in, "viewer, video_id, key_id or all, and reason"); err != nil {
		return err
	}
	subject, value, err := in.subject()
	if err != nil {
		return err
	}
	var at time.Time
	a := act{action: "sessions.end", subject: strings.TrimSpace(string(subject) + " " + value), reason: in.Reason, urgent: true}
	err = g.change(w, r, a, func(ctx context.Context) (_ string, err error) {
		at, err = g.keys.End(ctx, subject, value)
		return "", err
	})
	if err != nil {
		return err
	}
	answerKey(w, http.StatusOK, succeeded(endedSessions{EndedBefore: at.UTC().Format(microseconds)}))
	return nil
}

// endedSessions is the answer: sessions that began by then are over.
type endedSessions struct {
	EndedBefore string `json:"ended_before"`
}

// subject says whose sessions are meant.
func (in endRequest) subject() (subject register.Subject, value string, err error) {
	named := 0
	for _, name := range []struct {
		subject register.Subject
		value   *string
		good    func(string) bool
		wrong   string
	}{
		{subject: register.ByViewer, value: in.Viewer, good: verify.IsViewer, wrong: "viewer is not the claim viewer of a playback token: 43 characters"},
		{subject: register.ByVideo, value: in.VideoID, good: isVideo, wrong: "video_id cannot be that of a video: want 1 to 64 characters of A-Z a-z 0-9 _ -"},
		{subject: register.ByKey, value: in.KeyID, good: keyForm.MatchString, wrong: "key_id is not the id of a key: 21 characters of a-z 0-9"},
	} {
		if name.value == nil {
			continue
		}
		if !name.good(*name.value) {
			return "", "", invalid(name.wrong)
		}
		named, subject, value = named+1, name.subject, *name.value
	}
	if in.All != nil {
		if !*in.All {
			return "", "", invalid("all is not true: leave it out to end some sessions only")
		}
		named, subject = named+1, register.All
	}
	if named != 1 {
		return "", "", invalid("exactly one of viewer, video_id, key_id and all is needed")
	}
	if utf8.RuneCountInString(in.Reason) > maxReason || strings.ContainsFunc(in.Reason, unicode.IsControl) {
		return "", "", invalid("reason is longer than 200 characters, or has control characters")
	}
	return subject, value, nil
}

// readBody reads a strict JSON object.
func readBody(w http.ResponseWriter, r *http.Request, into any, members string) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return refused(http.StatusRequestEntityTooLarge, "payload_too_large", "the body is larger than 64 KiB")
	}
	if err != nil {
		return invalid("the body cannot be read")
	}
	if err := json.Unmarshal(body, into, json.RejectUnknownMembers(true)); err != nil {
		return invalid("the body is not a JSON object with only " + members + ", each once and of its type")
	}
	return nil
}

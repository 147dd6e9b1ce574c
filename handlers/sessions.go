package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/signer"
)

// endSessionsBody says which sessions are to end: exactly one of the first
// four. A member that is null counts as absent.
type endSessionsBody struct {
	Viewer     *string `json:"viewer"`
	VideoID    *string `json:"video_id"`
	Generation *int    `json:"generation"`
	All        *bool   `json:"all"`
	Reason     string  `json:"reason"`
}

var (
	_ withCheck   = endSessionsBody{}
	_ withReason  = endSessionsBody{}
	_ withSubject = endSessionsBody{}
)

func (b endSessionsBody) reason() string { return b.Reason }

// subject is what the record says was ended.
func (b endSessionsBody) subject() string {
	switch {
	case b.Viewer != nil:
		return "viewer " + *b.Viewer
	case b.VideoID != nil:
		return "video " + *b.VideoID
	case b.Generation != nil:
		return fmt.Sprintf("generation %d", *b.Generation)
	}
	return "all"
}

func (b endSessionsBody) check() error {
	var wrong []fieldError
	refuse := func(bad bool, field, detail string) {
		if bad {
			wrong = append(wrong, fieldError{Field: field, Detail: detail})
		}
	}
	given := 0
	for _, there := range []bool{b.Viewer != nil, b.VideoID != nil, b.Generation != nil, b.All != nil} {
		if there {
			given++
		}
	}
	refuse(given != 1, "viewer", "send exactly one of viewer, video_id, generation and all")
	refuse(b.All != nil && !*b.All, "all", "is false: send true, or leave it out")
	refuse(b.Generation != nil && (*b.Generation < 1 || *b.Generation > maxGeneration), "generation", "is not the number of a signing key")
	for field, id := range map[string]*string{"viewer": b.Viewer, "video_id": b.VideoID} {
		refuse(id != nil && (*id == "" || len(*id) > maxReason || strings.ContainsFunc(*id, unprintable)), field,
			fmt.Sprintf("must have 1 to %d bytes of text without control characters", maxReason))
	}
	return invalidFields(append(wrong, checkReason(b.Reason, true)...)...)
}

// maxGeneration is the largest number that a path takes for a generation.
const maxGeneration = 999_999_999

func (b endSessionsBody) sessions() keyrotation.SessionsOf {
	of := keyrotation.SessionsOf{Viewer: deref(b.Viewer), VideoID: deref(b.VideoID), All: b.All != nil}
	if b.Generation != nil {
		of.Generation = *b.Generation
	}
	return of
}

// EndedSessions is the result of an order to end sessions.
type EndedSessions struct{ Unfinished }

func (s *server) endSessions(ctx context.Context, c call, body endSessionsBody) (EndedSessions, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if errors.Is(err, projects.ErrNoKeys) {
		err = keyrotation.ErrNoSessions
	}
	if err != nil {
		return EndedSessions{}, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	recorded, err := rotation.EndSessions(ctx, body.sessions(), c.order(body.Reason))
	switch {
	case err == nil:
		return EndedSessions{}, nil
	case !recorded && body.VideoID != nil && errors.Is(err, keyrotation.ErrRefused):
		return EndedSessions{}, fmt.Errorf("%w: %w", signer.ErrVideo, err)
	case !recorded:
		return EndedSessions{}, err
	}
	s.Log.Warn("sessions are not ended yet; the next rotations repeat it", "request_id", c.requestID, "error", err)
	return EndedSessions{newUnfinished("the platform has not confirmed that the sessions have ended: "+
		"until then they may go on; every rotation asks it again", err)}, nil
}

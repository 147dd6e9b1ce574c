package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"playtoken/store"
)

// maxNaming is how many projects an origin's document lists. Beyond that it is
// said to be known for good: who is asked about an origin is the browser's
// preflight, and the request itself is held against its own project.
const maxNaming = 1000

// originDocument is which projects name an origin.
type originDocument struct {
	Origin   string   `json:"origin"`
	Projects []string `json:"projects"`
	Many     bool     `json:"many"` // more than are listed
}

// OriginKnown reports whether some project names this origin, straight from
// the store.
func (s *Store) OriginKnown(ctx context.Context, origin string) (bool, error) {
	var held originDocument
	_, err := s.look(ctx, originName(origin), &held)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read origin: %w", err)
	}
	return held.Origin == origin && (held.Many || len(held.Projects) > 0), nil
}

func (s *Store) addOrigins(ctx context.Context, projectID string, origins []string) error {
	return s.changeOrigins(ctx, origins, func(held *originDocument) bool {
		if held.Many || slices.Contains(held.Projects, projectID) {
			return false
		}
		if held.Many = len(held.Projects) >= maxNaming; !held.Many {
			held.Projects = append(held.Projects, projectID)
		}
		return true
	})
}

func (s *Store) dropOrigins(ctx context.Context, projectID string, origins []string) error {
	return s.changeOrigins(ctx, origins, func(held *originDocument) bool {
		listed := len(held.Projects)
		held.Projects = slices.DeleteFunc(held.Projects, func(id string) bool { return id == projectID })
		return len(held.Projects) < listed
	})
}

// settleOrigins makes the origins' documents what a changed project says. One
// that it gave up may have been taken back meanwhile, by somebody who found
// the document as it should be; so the project has the last word.
func (s *Store) settleOrigins(ctx context.Context, projectID string, before, after []string) error {
	if slices.Equal(before, after) {
		return nil
	}
	if err := s.dropOrigins(ctx, projectID, without(before, after)); err != nil {
		return err
	}
	p, err := s.Project(ctx, projectID)
	if err != nil {
		return err
	}
	return s.addOrigins(ctx, projectID, p.ViewerPolicy.Origins)
}

// changeOrigins applies a change, which reports whether there was one, to each
// origin's document. A document stays when its last project goes: the next one
// that comes could otherwise be lost.
func (s *Store) changeOrigins(ctx context.Context, origins []string, change func(*originDocument) bool) error {
	for _, origin := range origins {
		err := again("change origin", func() error {
			var held originDocument
			version, err := s.edit(ctx, originName(origin), &held)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			held.Origin = origin
			if !change(&held) {
				return nil
			}
			_, err = s.save(ctx, originName(origin), held, version)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

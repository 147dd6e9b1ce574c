package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"playtoken/store"
)

// maxNaming is how many projects an origin's document lists. An origin of more
// projects stays known for good. That is safe because only preflights use these
// documents; the request itself is checked against its own project.
const maxNaming = 1000

// originDocument says which projects list an origin.
type originDocument struct {
	Origin   string   `json:"origin"`
	Projects []string `json:"projects"`
	Many     bool     `json:"many"` // more than are listed
}

// OriginKnown reports whether at least one project lists this origin, read from
// the store.
func (s *Store) OriginKnown(ctx context.Context, origin string) (bool, error) {
	var held originDocument
	_, err := s.readOnly(ctx, originName(origin), &held)
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

// settleOrigins updates the origins' documents after a project changed. Another
// writer may have added an origin again that this change removed, and have found
// its document unchanged; so the project is read again, and its origins are added
// last.
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

// changeOrigins applies a change to each origin's document; change reports whether
// it changed anything. A document stays when its last project is removed, so that
// a project that is added at the same time is not lost.
func (s *Store) changeOrigins(ctx context.Context, origins []string, change func(*originDocument) bool) error {
	for _, origin := range origins {
		err := retryConflicts("change origin", func() error {
			var held originDocument
			version, err := s.readForUpdate(ctx, originName(origin), &held)
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

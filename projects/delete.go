package projects

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
)

// sweptAtOnce is how many API keys of a deleted project one list request deletes.
const sweptAtOnce = 200

// DeleteProject deletes a project, and then its API keys, which stop working as
// soon as the project is deleted. The caller must have ended its signing keys. If
// the deletion is interrupted, another call (which returns ErrNotFound) or a list
// request completes it.
func (s *Store) DeleteProject(ctx context.Context, id string) error {
	if id == Default {
		return &keyrotation.Guard{Why: fmt.Sprintf(
			"the environment defines the project %s: remove its platform's credential there and restart", Default)}
	}
	p, err := s.Project(ctx, id)
	if err != nil {
		return s.deleteRest(ctx, id, err)
	}
	if err := s.remove(ctx, projectName(id)); err != nil {
		return fmt.Errorf("delete project %s: %w", id, err)
	}
	// The project is deleted; what follows removes what is left of it.
	if err := s.dropOrigins(ctx, id, p.ViewerPolicy.Origins); err != nil {
		return fmt.Errorf("delete project %s: its origins: %w", id, err)
	}
	return s.sweep(ctx, id, MaxRows)
}

// deleteRest completes a deletion that was interrupted.
func (s *Store) deleteRest(ctx context.Context, id string, found error) error {
	if genuine, err := s.genuine(ctx, projectPrefix, id); err != nil || !genuine || !isNotFound(found) {
		return found
	}
	_ = s.sweep(ctx, id, MaxRows) // list requests complete it if this fails
	return found
}

func (s *Store) sweepSome(ctx context.Context, id string) error { return s.sweep(ctx, id, sweptAtOnce) }

// sweep removes what is left of a project whose document is deleted: at most a
// number of its API keys, then their index, and last the project's row.
func (s *Store) sweep(ctx context.Context, id string, most int) error {
	keys := keysOf(id)
	all, err := s.loadIndex(ctx, keys)
	if err != nil {
		return fmt.Errorf("API keys of deleted project %s: %w", id, err)
	}
	ids, remove := keys.ids(all), s.removeAPIKey
	if len(ids) > most { // the next sweep deletes the others
		remove = func(ctx context.Context, key string) error { return s.dropAPIKey(ctx, id, key) }
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, key := range ids[:min(most, len(ids))] {
		group.Go(func() error { return remove(within, key) })
	}
	if err := group.Wait(); err != nil || len(ids) > most {
		return err
	}
	for i := range all {
		if all[i].Seq == 0 {
			continue // never written
		}
		if err := s.remove(ctx, keys.document(i)); err != nil {
			return fmt.Errorf("API keys of deleted project %s: %w", id, err)
		}
	}
	return s.dropRow(ctx, allProjects, id)
}

// removeAPIKey deletes the documents of an API key, first the one that makes it
// valid, and what other packages store about it.
func (s *Store) removeAPIKey(ctx context.Context, id string) error {
	if err := s.remove(ctx, apiKeyName(id)); err != nil {
		return fmt.Errorf("delete API key %s: %w", id, err)
	}
	s.changed(id)
	if err := s.remove(ctx, useName(id)); err != nil {
		return fmt.Errorf("delete API key %s: its last use: %w", id, err)
	}
	if s.Forget == nil {
		return nil
	}
	if err := s.Forget(ctx, id); err != nil {
		return fmt.Errorf("delete API key %s: %w", id, err)
	}
	return nil
}

// dropAPIKey deletes an API key and its row.
func (s *Store) dropAPIKey(ctx context.Context, projectID, id string) error {
	if err := s.removeAPIKey(ctx, id); err != nil {
		return err
	}
	return s.dropRow(ctx, keysOf(projectID), id)
}

package projects

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
)

// sweptAtOnce is how many API keys of a deleted project a list tidies away.
const sweptAtOnce = 200

// DeleteProject deletes a project, and then its API keys, which are nobody's
// from the first moment. The caller has seen to its signing keys. If it is
// interrupted, calling it again (ErrNotFound then) or a list goes on with it.
func (s *Store) DeleteProject(ctx context.Context, id string) error {
	if id == Default {
		return &keyrotation.Guard{Why: fmt.Sprintf(
			"the project %s comes from the environment: remove PLAYTOKEN_PLATFORM_API_KEY there and start again", Default)}
	}
	p, err := s.Project(ctx, id)
	if err != nil {
		return s.deleteRest(ctx, id, err)
	}
	if err := s.remove(ctx, projectName(id)); err != nil {
		return fmt.Errorf("delete project %s: %w", id, err)
	}
	// Now it is deleted; the rest is tidying up.
	if err := s.dropOrigins(ctx, id, p.ViewerPolicy.Origins); err != nil {
		return fmt.Errorf("delete project %s: its origins: %w", id, err)
	}
	return s.sweep(ctx, id, MaxRows)
}

// deleteRest goes on with a deletion that was interrupted.
func (s *Store) deleteRest(ctx context.Context, id string, found error) error {
	if genuine, err := s.genuine(ctx, projectPrefix, id); err != nil || !genuine || !isNotFound(found) {
		return found
	}
	_ = s.sweep(ctx, id, MaxRows) // what is left is tidied up by lists
	return found
}

func (s *Store) sweepSome(ctx context.Context, id string) error { return s.sweep(ctx, id, sweptAtOnce) }

// sweep removes what is left of a project whose document is gone: its API
// keys, at most so many, then their index, and last the row that leads here.
func (s *Store) sweep(ctx context.Context, id string, most int) error {
	keys := keysOf(id)
	all, err := s.loadIndex(ctx, keys)
	if err != nil {
		return fmt.Errorf("API keys of deleted project %s: %w", id, err)
	}
	ids, remove := keys.ids(all), s.removeAPIKey
	if len(ids) > most { // the next one goes on with what is left
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
			continue // was never written
		}
		if err := s.remove(ctx, keys.document(i)); err != nil {
			return fmt.Errorf("API keys of deleted project %s: %w", id, err)
		}
	}
	return s.dropRow(ctx, allProjects, id)
}

// removeAPIKey removes the documents of an API key, the one that counts first,
// and what others keep about it.
func (s *Store) removeAPIKey(ctx context.Context, id string) error {
	if err := s.remove(ctx, apiKeyName(id)); err != nil {
		return fmt.Errorf("delete API key %s: %w", id, err)
	}
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

// dropAPIKey removes what is left of an API key.
func (s *Store) dropAPIKey(ctx context.Context, projectID, id string) error {
	if err := s.removeAPIKey(ctx, id); err != nil {
		return err
	}
	return s.dropRow(ctx, keysOf(projectID), id)
}

package service

import (
	"context"
	"errors"

	"playtoken/handlers"
	"playtoken/projects"
	"playtoken/store"
)

// Published returns the public keys that a project's verifiers fetch. It implements
// what [handlers.Config] asks for. While the store is unavailable it answers about
// projects that are open, whose view of the ring says for how long.
func (t *tenants) Published(ctx context.Context, projectID string) (handlers.PublishedKeys, error) {
	opened, err := t.of(ctx, projectID)
	if errors.Is(err, store.ErrUnavailable) {
		if kept := t.kept(projectID); kept != nil {
			opened, err = kept, nil
		}
	}
	if err == nil && opened.Platform.Fetches == nil {
		err = projects.ErrNotFound
	}
	if err != nil {
		return handlers.PublishedKeys{}, err
	}
	ring, age, err := opened.ring.view().Published(ctx)
	if err != nil {
		return handlers.PublishedKeys{}, err
	}
	return handlers.NewPublishedKeys(ring, age)
}

// kept returns an open project, however old what is known of it is; nil if it is
// not open.
func (t *tenants) kept(projectID string) *Tenant {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[projectID]
}

package projects

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Projects returns a page of the list of projects. It reads the index and then
// the projects of that page. A page may be shorter than asked for although
// there is a next one: projects may be deleted while it is put together.
func (s *Store) Projects(ctx context.Context, page Page) (List[Project], error) {
	return listed(ctx, s, allProjects, page, func(ctx context.Context, id string) (Project, entry, error) {
		p, err := s.Project(ctx, id)
		return p, p.entry(), err
	}, s.sweepSome)
}

// APIKeys returns a page of the list of a project's API keys, as Projects does.
func (s *Store) APIKeys(ctx context.Context, projectID string, page Page) (List[APIKey], error) {
	if _, err := s.Project(ctx, projectID); err != nil {
		return List[APIKey]{}, err
	}
	return listed(ctx, s, keysOf(projectID), page, func(ctx context.Context, id string) (APIKey, entry, error) {
		k, err := s.APIKey(ctx, projectID, id)
		return k, k.entry(), err
	}, func(ctx context.Context, id string) error { return s.dropAPIKey(ctx, projectID, id) })
}

// CountProjects is how many projects have a name that contains this.
func (s *Store) CountProjects(ctx context.Context, name string) (int, error) {
	return s.count(ctx, allProjects, name)
}

// CountAPIKeys is the same for the API keys of a project.
func (s *Store) CountAPIKeys(ctx context.Context, projectID, name string) (int, error) {
	if _, err := s.Project(ctx, projectID); err != nil {
		return 0, err
	}
	return s.count(ctx, keysOf(projectID), name)
}

// ProjectIDs returns the ids of all projects; some may be gone already, or not
// be there yet.
func (s *Store) ProjectIDs(ctx context.Context) ([]string, error) {
	all, err := s.loadIndex(ctx, allProjects)
	if err != nil {
		return nil, err
	}
	return allProjects.ids(all), nil
}

// listed returns a page of an index, with what its rows stand for. A row that
// stands for nothing any more is tidied away.
func listed[Row any](ctx context.Context, s *Store, c collection, page Page,
	read func(ctx context.Context, id string) (Row, entry, error),
	tidy func(ctx context.Context, id string) error) (List[Row], error) {
	found, err := s.section(ctx, c, page)
	if err != nil {
		return List[Row]{}, fmt.Errorf("list: %w", err)
	}
	items, err := gather(ctx, found.rows, func(ctx context.Context, at place) (*Row, error) {
		item, of, err := read(ctx, at.id)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		if err == nil && at.lags(of) {
			// A writer has died, or is about to do this himself. If it does
			// not work out, the next list tries again.
			_ = s.addRow(ctx, c, of, false)
		}
		return &item, err
	})
	if err != nil {
		return List[Row]{}, fmt.Errorf("list: %w", err)
	}
	list := List[Row]{Items: []Row{}, Number: found.number, Next: found.next, Previous: found.previous}
	for i, item := range items {
		if item != nil {
			list.Items = append(list.Items, *item)
		} else if s.abandoned(found.rows[i]) {
			_ = tidy(ctx, found.rows[i].id) // the next list tries again
		}
	}
	return list, nil
}

// gather reads what belongs to the rows of a page, a few at a time; nil is
// what is not there (any more).
func gather[Row any](ctx context.Context, rows []place, read func(context.Context, place) (*Row, error)) ([]*Row, error) {
	found := make([]*Row, len(rows))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, at := range rows {
		group.Go(func() (err error) {
			found[i], err = read(ctx, at)
			return err
		})
	}
	return found, group.Wait()
}

package projects

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Projects returns a page of the list of projects. It reads the index and then the
// projects of that page. A page that is not the last may be shorter than asked for,
// because projects can be deleted between the two reads.
func (s *Store) Projects(ctx context.Context, page Page) (List[Project], error) {
	return listed(ctx, s, allProjects, page, func(ctx context.Context, id string) (Project, entry, error) {
		p, err := s.Project(ctx, id)
		return p, p.entry(), err
	}, s.sweepSome)
}

// APIKeys returns a page of the list of a project's API keys; see Projects.
func (s *Store) APIKeys(ctx context.Context, projectID string, page Page) (List[APIKey], error) {
	if _, err := s.Project(ctx, projectID); err != nil {
		return List[APIKey]{}, err
	}
	return listed(ctx, s, keysOf(projectID), page, func(ctx context.Context, id string) (APIKey, entry, error) {
		k, err := s.APIKey(ctx, projectID, id)
		return k, k.entry(), err
	}, func(ctx context.Context, id string) error { return s.dropAPIKey(ctx, projectID, id) })
}

// CountProjects returns the number of projects whose name contains a text.
func (s *Store) CountProjects(ctx context.Context, name string) (int, error) {
	return s.count(ctx, allProjects, name)
}

// CountAPIKeys returns the number of a project's API keys whose name contains a
// text.
func (s *Store) CountAPIKeys(ctx context.Context, projectID, name string) (int, error) {
	if _, err := s.Project(ctx, projectID); err != nil {
		return 0, err
	}
	return s.count(ctx, keysOf(projectID), name)
}

// ProjectIDs returns the ids of all projects. Some may be deleted already, or not
// be stored yet.
func (s *Store) ProjectIDs(ctx context.Context) ([]string, error) {
	all, err := s.loadIndex(ctx, allProjects)
	if err != nil {
		return nil, err
	}
	return allProjects.ids(all), nil
}

// listed returns a page of an index with the documents of its rows. It removes rows
// that will never have a document.
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
			// The writer of the document was interrupted, or is about to do
			// this. If it fails, the next list request tries again.
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
			_ = tidy(ctx, found.rows[i].id) // if it fails, the next list request tries again
		}
	}
	return list, nil
}

// gather reads the documents of a page's rows, a few at a time; nil stands for one
// that does not exist.
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

package handlers

import (
	"context"
	"time"

	"playtoken/projects"
)

// CreatedAdminKey is a new admin key with its value, which is shown only once.
type CreatedAdminKey struct {
	projects.AdminKey
	Value string `json:"value"`
}

var _ withCreated = CreatedAdminKey{}

func (k CreatedAdminKey) created() (project, subject string) { return "", k.ID }

type adminKeyBody struct {
	Name      string        `json:"name"`
	Role      projects.Role `json:"role"`
	ExpiresAt *time.Time    `json:"expires_at"` // null or absent: never
	Reason    string        `json:"reason"`     // of the change, for the record
}

var (
	_ withCheck  = adminKeyBody{}
	_ withReason = adminKeyBody{}
)

func (b adminKeyBody) reason() string { return b.Reason }
func (b adminKeyBody) check() error   { return invalidFields(checkReason(b.Reason, false)...) }

func (s *server) listAdminKeys(ctx context.Context, _ call, q pageQuery) (Page[projects.AdminKey], error) {
	page := q.withDefaults()
	list, err := s.Store.AdminKeys(ctx, page)
	if err != nil {
		return Page[projects.AdminKey]{}, err
	}
	return newPage(adminKeysPath, page, list.Items, list.Number, list.Next, list.Previous), nil
}

func (s *server) createAdminKey(ctx context.Context, _ call, body adminKeyBody) (CreatedAdminKey, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	created, err := s.Store.CreateAdminKey(ctx, body.Name, body.Role, body.ExpiresAt)
	if err != nil {
		return CreatedAdminKey{}, err
	}
	return CreatedAdminKey{AdminKey: created.AdminKey, Value: created.Value.Reveal()}, nil
}

func (s *server) deleteAdminKey(ctx context.Context, c call, _ whyBody) (noContent, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	return noContent{}, s.Store.DeleteAdminKey(ctx, c.vars["admin_key_id"])
}

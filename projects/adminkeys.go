package projects

import (
	"context"
	"fmt"
	"slices"
	"time"

	"playtoken/keyrotation"
	"playtoken/secret"
)

// EnvironmentAdmin is the id of the admin key that the environment sets. It is the
// first row of the list, and has no document.
const EnvironmentAdmin = "admin"

var adminKeys = collection{"admin_keys", adminKeyPrefix}

// adminKeyDocument is the stored form of an admin key.
type adminKeyDocument struct {
	ID        string     `json:"admin_key_id"`
	Name      string     `json:"name"`
	Role      Role       `json:"role"`
	ExpiresAt *time.Time `json:"expires_at,omitzero"`
	CreatedAt time.Time  `json:"created_at"`
	Hash      []byte     `json:"hash"` // of the value; see Store.hash
}

func (d *adminKeyDocument) key(version int64) AdminKey {
	return AdminKey{ID: d.ID, Name: d.Name, Role: d.Role, ExpiresAt: d.ExpiresAt, CreatedAt: &d.CreatedAt, Version: version}
}

func (d *adminKeyDocument) caller() Caller {
	return Caller{ID: d.ID, Name: d.Name, Role: d.Role, Bounds: Bounds{ExpiresAt: d.ExpiresAt}}
}

func (k *AdminKey) entry() entry {
	of := entry{id: k.ID, name: k.Name, version: k.Version}
	if k.CreatedAt != nil {
		of.created = *k.CreatedAt
	}
	return of
}

// CreateAdminKey creates the key of a named operator. Only the result contains its
// value; the store keeps a hash.
func (s *Store) CreateAdminKey(ctx context.Context, name string, role Role, expiresAt *time.Time) (NewAdminKey, error) {
	now := s.now()
	k := AdminKey{Name: name, Role: role, ExpiresAt: expiresAt, CreatedAt: &now}
	if err := checkAdminKey(k); err != nil {
		return NewAdminKey{}, err
	}
	var err error
	if k.ID, err = s.newID(ctx, adminKeyPrefix); err != nil {
		return NewAdminKey{}, fmt.Errorf("create admin key: %w", err)
	}
	created := NewAdminKey{AdminKey: k, Value: newValue(adminValuePrefix, k.ID)}
	if created.Version, err = s.storeNewAdmin(ctx, k, created.Value); err != nil {
		return NewAdminKey{}, fmt.Errorf("create admin key: %w", err)
	}
	return created, nil
}

// storeNewAdmin writes the key's row in the index, and then the key.
func (s *Store) storeNewAdmin(ctx context.Context, k AdminKey, value secret.Value) (int64, error) {
	hash, err := s.hash(ctx, value)
	if err != nil {
		return 0, err
	}
	row := k.entry()
	row.version = 1
	if err := s.addRow(ctx, adminKeys, row, false); err != nil {
		return 0, err
	}
	return s.save(ctx, adminKeyName(k.ID), adminKeyDocument{
		ID: k.ID, Name: k.Name, Role: k.Role, ExpiresAt: k.ExpiresAt, CreatedAt: *k.CreatedAt, Hash: hash,
	}, 0)
}

func checkAdminKey(k AdminKey) error {
	var f findings
	problem := nameProblem(k.Name)
	f.refuse(problem != "", "name", "%s", problem)
	f.refuse(!slices.Contains(roles, k.Role), "role", "must be %s, %s or %s", RoleAdmin, RoleOperator, RoleAuditor)
	f.end(k.ExpiresAt, *k.CreatedAt)
	return f.err()
}

// AdminKeys returns a page of the list of admin keys; see Projects.
func (s *Store) AdminKeys(ctx context.Context, page Page) (List[AdminKey], error) {
	return listed(ctx, s, adminKeys, page, func(ctx context.Context, id string) (AdminKey, entry, error) {
		k, err := s.adminKeyInList(ctx, id)
		return k, k.entry(), err
	}, s.dropAdminKey)
}

func (s *Store) adminKeyInList(ctx context.Context, id string) (k AdminKey, err error) {
	if id == EnvironmentAdmin {
		k = environmentAdmin
	} else {
		held, version, err := s.adminKey(ctx, id)
		if err != nil {
			return AdminKey{}, err
		}
		k = held.key(version)
	}
	k.LastUsedAt, err = s.lastUse(ctx, id)
	return k, err
}

var environmentAdmin = AdminKey{ID: EnvironmentAdmin, Name: "PLAYTOKEN_ADMIN_KEY", Role: RoleAdmin, Version: 1}

// addEnvironmentAdmin adds the environment's admin key to an index that was read.
func addEnvironmentAdmin(all *[shards]shard) {
	held := &all[shardOf(EnvironmentAdmin)]
	held.Rows = append(held.Rows, row{Own: EnvironmentAdmin, Name: environmentAdmin.Name, Version: environmentAdmin.Version})
}

func (s *Store) adminKey(ctx context.Context, id string) (held adminKeyDocument, version int64, err error) {
	if !idForm.MatchString(id) {
		return held, 0, ErrNotFound
	}
	if version, err = s.readOnly(ctx, adminKeyName(id), &held); err != nil {
		return held, 0, fmt.Errorf("read admin key %s: %w", id, notFound(err))
	}
	return held, version, nil
}

// DeleteAdminKey deletes an admin key.
func (s *Store) DeleteAdminKey(ctx context.Context, id string) error {
	if id == EnvironmentAdmin && s.AdminKeySet {
		return &keyrotation.Guard{Why: "the environment sets this admin key: remove PLAYTOKEN_ADMIN_KEY there and restart"}
	}
	if _, _, err := s.adminKey(ctx, id); err != nil {
		return err
	}
	return s.dropAdminKey(ctx, id)
}

// dropAdminKey deletes the documents of an admin key, first the one that makes it
// valid, and then its row.
func (s *Store) dropAdminKey(ctx context.Context, id string) error {
	if err := s.remove(ctx, adminKeyName(id)); err != nil {
		return fmt.Errorf("delete admin key %s: %w", id, err)
	}
	s.changed(id)
	if err := s.remove(ctx, useName(id)); err != nil {
		return fmt.Errorf("delete admin key %s: its last use: %w", id, err)
	}
	return s.dropRow(ctx, adminKeys, id)
}

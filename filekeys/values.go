package filekeys

import (
	"fmt"
	"regexp"

	bolt "go.etcd.io/bbolt"
)

// The service makes all names. A name of another form is a mistake of the caller,
// and is refused before the file is opened.
var (
	keyName      = regexp.MustCompile(`^[a-z0-9_]{7,40}$`)
	documentName = regexp.MustCompile(`^[a-z]+/[a-z0-9_]{7,40}$`)
)

func checkName(pattern *regexp.Regexp, name string) error {
	if !pattern.MatchString(name) {
		return fmt.Errorf("name %.60q: want %s", name, pattern)
	}
	return nil
}

// place identifies a value in the file; see seal.
func place(bucket, name string) string { return bucket + "/" + name }

// get returns the encrypted value of a name, or nil if the name does not exist.
// The value is valid until the transaction ends.
func get(tx *bolt.Tx, bucket, name string) ([]byte, error) {
	b, err := openBucket(tx, bucket)
	if err != nil {
		return nil, err
	}
	return b.Get([]byte(name)), nil
}

func put(tx *bolt.Tx, bucket, name string, sealed []byte) error {
	b, err := openBucket(tx, bucket)
	if err != nil {
		return err
	}
	return unavailable(b.Put([]byte(name), sealed))
}

func remove(tx *bolt.Tx, bucket, name string) error {
	b, err := openBucket(tx, bucket)
	if err != nil {
		return err
	}
	return unavailable(b.Delete([]byte(name)))
}

func openBucket(tx *bolt.Tx, bucket string) (*bolt.Bucket, error) {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil, fmt.Errorf("%w: the bucket %s is missing", ErrDamaged, bucket)
	}
	return b, nil
}

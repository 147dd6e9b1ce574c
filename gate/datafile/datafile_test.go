package datafile_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"playtoken/gate/datafile"
	"playtoken/store"
	"playtoken/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFileKeepsThePromisesOfDocuments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.db")
	file, err := datafile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	storetest.RunDocuments(t, func(*testing.T) store.Documents { return file })
}

package filekeys_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/filekeys"
	"playtoken/secret"
)

func TestExposuresSayWhoMayReplaceTheStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path, password := filepath.Join(dir, "play.db"), secret.New("password-for-tests")
	if _, err := filekeys.Open(path, password, filekeys.Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file, dir fs.FileMode
		remedy    string // empty: nothing to find
	}{
		{0o600, 0o700, ""},
		{0o660, 0o755, ""},
		{0o600, 0o777 | fs.ModeSticky, ""},
		{0o604, 0o700, "chmod 600 " + path},
		{0o602, 0o700, "chmod 600 " + path},
		{0o600, 0o777, "chmod o-w " + dir},
	} {
		if err := errors.Join(os.Chmod(path, tt.file), os.Chmod(dir, tt.dir)); err != nil {
			t.Fatal(err)
		}
		found, err := filekeys.Exposures(path)
		if err != nil || len(found) > 1 || (len(found) == 1) != (tt.remedy != "") || len(found) == 1 && found[0].Remedy != tt.remedy {
			t.Errorf("%o in %o: %v, %v", tt.file, tt.dir, found, err)
		}
		_, err = filekeys.Open(path, password, filekeys.Options{})
		if refused := strings.HasPrefix(tt.remedy, "chmod 600"); (err != nil) != refused {
			t.Errorf("%o: opened with %v", tt.file, err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Skip("only root can give a directory away")
	}
	if found, err := filekeys.Exposures(path); err != nil || !strings.Contains(found[len(found)-1].Why, "12345") {
		t.Errorf("another user's directory: %v, %v", found, err)
	}
}

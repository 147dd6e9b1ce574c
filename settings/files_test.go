package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// secretFile writes a file and returns its path.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, text)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const newAdminKey = "new-admin-key-for-tests-0123456789"

// opened opens the good environment, with the admin key in a file.
func opened(t *testing.T, path string) (*Files, Settings) {
	t.Helper()
	environ := slices.DeleteFunc(goodEnviron("PLAYTOKEN_ADMIN_KEY_FILE="+path), func(s string) bool { return s == "PLAYTOKEN_ADMIN_KEY="+adminKey })
	files, set, err := OpenFiles(environ, ForService)
	if err != nil || !set.AdminKey.Equal(adminKey) {
		t.Fatalf("got %v and another admin key than is in the file, want that one", err)
	}
	return files, set
}

// look wants a look to find nothing new, and returns its error.
func look(t *testing.T, files *Files) error {
	t.Helper()
	_, changed, err := files.Look("PLAYTOKEN_ADMIN_KEY")
	if changed {
		t.Error("got something new, want nothing")
	}
	return err
}

func TestAFileIsUsedOnceItIsWritten(t *testing.T) {
	path := secretFile(t, adminKey+"\n")
	files, _ := opened(t, path)
	if err := look(t, files); err != nil {
		t.Errorf("an unchanged file: got %v, want no error", err)
	}
	for _, half := range []string{newAdminKey[:33], newAdminKey} { // the writer is slow
		write(t, path, half)
		if err := look(t, files); err != nil {
			t.Errorf("a first look at a change: got %v, want no error", err)
		}
	}
	set, changed, err := files.Look("PLAYTOKEN_ADMIN_KEY")
	if err != nil || !changed || !set.AdminKey.Equal(newAdminKey) || !set.APIKey.Equal(frontendKey) {
		t.Errorf("a second look: got %t, %v, want the new key and the other settings as they were", changed, err)
	}
	if err := look(t, files); err != nil {
		t.Errorf("after the change: got %v, want no error", err)
	}
}

func TestAFileThatCannotBeUsedChangesNothing(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {text: "", want: "empty"},
		"short":           {text: "sesame", want: "want at least 32"},
		"of a front end":  {text: frontendKey, want: "the same as PLAYTOKEN_ADMIN_KEY"},
		"with characters": {text: newAdminKey + "\x01", want: "control character"},
		"long":            {text: strings.Repeat("x", maxSecretFile+1), want: "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			path := secretFile(t, adminKey)
			files, _ := opened(t, path)
			write(t, path, c.text)
			_ = look(t, files)
			err := look(t, files)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(c.text) > 0 && strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want one line about %q that does not show the value", err, c.want)
			}
			if again := look(t, files); again == nil || again.Error() != err.Error() {
				t.Errorf("a third look: got %v, want %v again", again, err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := look(t, files); err == nil || strings.Contains(err.Error(), path) {
				t.Errorf("a file that is away: got %v, want an error without its path", err)
			}
			write(t, path, newAdminKey)
			_ = look(t, files)
			if set, changed, err := files.Look("PLAYTOKEN_ADMIN_KEY"); err != nil || !changed || !set.AdminKey.Equal(newAdminKey) {
				t.Errorf("a good file in its place: got %t, %v, want the new key", changed, err)
			}
		})
	}
}

// TestKubernetesReplacesALink: the path of a mounted secret goes through two
// links, and an update replaces the one in the middle.
func TestKubernetesReplacesALink(t *testing.T) {
	dir := t.TempDir()
	mounted := func(version, text string) {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "admin"), text)
		link(t, version, filepath.Join(dir, "..data_tmp"))
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mounted("..1", adminKey)
	link(t, "..data/admin", filepath.Join(dir, "admin"))
	files, _ := opened(t, filepath.Join(dir, "admin"))
	mounted("..2", newAdminKey)
	if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
		t.Fatal(err)
	}
	_ = look(t, files)
	if set, changed, err := files.Look("PLAYTOKEN_ADMIN_KEY"); err != nil || !changed || !set.AdminKey.Equal(newAdminKey) {
		t.Errorf("got %t, %v, want the new key", changed, err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// TestWhatCannotBeReadAgain: a pipe.
func TestWhatCannotBeReadAgain(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(pipe, []byte(adminKey), 0o600) }()
	environ := slices.DeleteFunc(goodEnviron(), func(s string) bool {
		return strings.HasPrefix(s, "PLAYTOKEN_ADMIN_KEY=") || strings.HasPrefix(s, "PLAYTOKEN_API_KEY=") || strings.HasPrefix(s, "PLAYTOKEN_STORE_PASSWORD=")
	})
	files, set, err := OpenFiles(append(environ, "PLAYTOKEN_ADMIN_KEY_FILE="+pipe, "PLAYTOKEN_API_KEY_FILE="+secretFile(t, frontendKey),
		"PLAYTOKEN_STORE_PASSWORD_FILE="+secretFile(t, password)), ForService)
	if err != nil || !set.AdminKey.Equal(adminKey) {
		t.Fatalf("got %v and another admin key than the pipe had, want that one", err)
	}
	names, again := files.Settings()
	if want := []string{"PLAYTOKEN_ADMIN_KEY", "PLAYTOKEN_API_KEY", "PLAYTOKEN_STORE_PASSWORD"}; !slices.Equal(names, want) {
		t.Errorf("got the settings %v, want %v", names, want)
	}
	if again["PLAYTOKEN_ADMIN_KEY"] || !again["PLAYTOKEN_API_KEY"] || !again["PLAYTOKEN_STORE_PASSWORD"] {
		t.Errorf("can be read again: got %v, want all but the pipe", again)
	}
}

func TestFilesThatCannotBeReadAtStartAreProblems(t *testing.T) {
	path := secretFile(t, adminKey)
	for _, entry := range []string{"PLAYTOKEN_API_KEY_FILE=/no/such/file", "PLAYTOKEN_API_KEY_FILE=" + path, "PLAYTOKEN_ADMIN_KEY_FILE=" + path} {
		if _, _, err := OpenFiles(goodEnviron(entry), ForService); err == nil || !strings.Contains(err.Error(), "PLAYTOKEN_A") {
			t.Errorf("OpenFiles with %s: got %v, want a problem with the name of the setting", entry, err)
		}
	}
}

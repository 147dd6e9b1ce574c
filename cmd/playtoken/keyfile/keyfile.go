// Package keyfile keeps the file from which a verifier reads public keys as the
// service publishes them.
//
// The decision a newcomer would get wrong: a file that was replaced and a verifier
// that was told are two steps, and this process may end between them. Which of them
// is still to be done stands beside the file.
package keyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"playtoken/platforms/client"
)

const (
	patience = 10 * time.Second
	maxSet   = 1 << 20 // bytes
)

// File is a verifier's file of keys.
type File struct {
	URL  string // of the published key set
	Path string
	// Config is the content of the file for a key set, which may take something over
	// from the file that it replaces; replaced is empty if it is the first.
	Config func(set, replaced []byte) ([]byte, error)
	Secret bool         // not all of it is public: others on the machine may not read it
	Reload string       // a command of the shell that tells the verifier; empty: none
	Client *http.Client // nil: the usual one
}

// Unreachable is the error of Refresh if the key set could not be fetched. The file is
// as it was.
type Unreachable struct{ Err error }

func (e Unreachable) Error() string { return "fetch the public keys: " + e.Err.Error() }
func (e Unreachable) Unwrap() error { return e.Err }

// Refresh fetches the keys, replaces the file in whole if its content changes, and
// tells the verifier then, or if the last run could not. It reports whether it told
// the verifier. Errors: Unreachable; any other is about the content, the file or the
// command, and the next call tries again.
func (f File) Refresh(ctx context.Context) (told bool, err error) {
	set, err := f.fetch(ctx)
	if err != nil {
		return false, Unreachable{Err: err}
	}
	replaced, err := os.ReadFile(f.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read the file of keys: %w", err)
	}
	content, err := f.Config(set, replaced)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(f.untold())
	if untold := err == nil; !untold && bytes.Equal(content, replaced) {
		return false, nil
	}
	if err := f.replace(content, replaced); err != nil {
		return false, fmt.Errorf("replace the file of keys: %w", err)
	}
	if err := f.tell(ctx); err != nil {
		return false, err
	}
	return true, os.Remove(f.untold())
}

// untold is there while the verifier was not told of the file.
func (f File) untold() string { return f.Path + ".untold" }

func (f File) replace(content, replaced []byte) error {
	if err := os.WriteFile(f.untold(), nil, 0o600); err != nil {
		return err
	}
	if bytes.Equal(content, replaced) {
		return nil
	}
	next, err := os.CreateTemp(filepath.Dir(f.Path), filepath.Base(f.Path)+".*.new")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name()) // which does nothing once it was renamed
	_, err = next.Write(content)
	if err = errors.Join(err, next.Sync(), next.Close()); err != nil {
		return err
	}
	if info, err := os.Stat(f.Path); err == nil {
		if err := keepOwner(next.Name(), info, f.modeLike(info)); err != nil {
			return err
		}
	}
	return os.Rename(next.Name(), f.Path)
}

// modeLike is who may read the file, as it was before it was replaced.
func (f File) modeLike(info fs.FileInfo) fs.FileMode {
	if f.Secret {
		return info.Mode().Perm() &^ 0o007
	}
	return info.Mode().Perm()
}

// tell runs the command that tells the verifier.
func (f File) tell(ctx context.Context) error {
	if f.Reload == "" {
		return nil
	}
	said, err := exec.CommandContext(ctx, "sh", "-c", f.Reload).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the file of keys is new, and the command that tells the verifier failed, which the next run tries again: %w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

func (f File) fetch(ctx context.Context) ([]byte, error) {
	u, err := url.Parse(f.URL)
	if err != nil || u.Host == "" || u.User != nil || !client.SafeScheme(u) {
		return nil, errors.New("want an https URL, or http on a loopback address")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return nil, err
	}
	resp, err := f.client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the response is %s", resp.Status)
	}
	set, err := io.ReadAll(io.LimitReader(resp.Body, maxSet+1))
	if err == nil && len(set) > maxSet {
		err = fmt.Errorf("the response is longer than %d bytes", maxSet)
	}
	return set, err
}

// client follows no redirect: keys come from where the operator said, or not at all.
func (f File) client() *http.Client {
	c := http.Client{}
	if f.Client != nil {
		c = *f.Client
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

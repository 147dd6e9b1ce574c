package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/secret"
)

// session is a session token as it is kept in the user's own file.
type session struct {
	Token   string    `json:"token"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Expires time.Time `json:"expires"`
}

// Sessions are the user's sessions by the server's URL, in a file that only the
// user may read.
type Sessions struct{ Path string }

// UserSessions are those of the user with this environment: below XDG_CONFIG_HOME,
// or else where the operating system keeps settings.
func UserSessions(environ []string) (Sessions, error) {
	folder, err := os.UserConfigDir()
	for _, setting := range environ {
		if path, ok := strings.CutPrefix(setting, "XDG_CONFIG_HOME="); ok && filepath.IsAbs(path) {
			folder, err = path, nil
		}
	}
	if err != nil {
		return Sessions{}, fmt.Errorf("find the folder for sessions: %w", err)
	}
	return Sessions{Path: filepath.Join(folder, "playtoken", "sessions.json")}, nil
}

// ErrNoSession means that the user has not signed in, or the session is over.
var ErrNoSession = errors.New("you are not signed in at this server, or the session is over")

// Token returns the token of a server's session. Errors: ErrNoSession.
func (s Sessions) Token(server string) (secret.Value, error) {
	held, err := s.read()
	if err != nil {
		return secret.Value{}, err
	}
	at, ok := held[server]
	if !ok || !time.Now().Before(at.Expires) {
		return secret.Value{}, ErrNoSession
	}
	return secret.New(at.Token), nil
}

// keep stores a server's session.
func (s Sessions) keep(server string, began session) error {
	held, err := s.read()
	if err != nil {
		return err
	}
	held[server] = began
	return s.write(held)
}

// Forget removes a server's session, and succeeds if there is no such session.
func (s Sessions) Forget(server string) error {
	held, err := s.read()
	if err != nil {
		return err
	}
	delete(held, server)
	return s.write(held)
}

func (s Sessions) read() (map[string]session, error) {
	held := map[string]session{}
	data, err := os.ReadFile(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return held, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &held)
	}
	if err != nil {
		return nil, fmt.Errorf("read the file of sessions %s: %w; delete it and sign in again", s.Path, err)
	}
	return held, nil
}

// write replaces the file at once, so that another process never reads a part of it.
func (s Sessions) write(held map[string]session) error {
	data, err := json.Marshal(held)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.Path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(s.Path+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(s.Path+".new", s.Path)
	}
	if err != nil {
		return fmt.Errorf("keep the session: %w", err)
	}
	return nil
}

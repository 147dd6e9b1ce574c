package vaulttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// versionName is the environment's name for a version of Vault other than that of
// server/go.mod: 1.19 is the module of server/versions/1.19.mod.
const versionName = "PLAYTOKEN_TEST_VAULT_VERSION"

// Build returns the path of the server compiled from the module in server/, at the
// version that the environment asks for. It compiles at the first call on a machine
// and after a change of that module, says so on progress, and lets one process do it
// when several ask at once.
func Build(ctx context.Context, progress io.Writer) (string, error) {
	source, err := serverSource()
	if err != nil {
		return "", err
	}
	folder, err := cacheFolder()
	if err != nil {
		return "", err
	}
	module := "go.mod"
	if version := os.Getenv(versionName); version != "" {
		module = filepath.Join("versions", version+".mod")
	}
	key, err := fingerprint(source, module)
	if err != nil {
		return "", err
	}
	return buildOnce(filepath.Join(folder, "vault-"+key), func(binary string) error {
		fmt.Fprintln(progress, "building Vault for the tests, about four minutes the first time")
		return compile(ctx, source, module, binary)
	})
}

// buildOnce makes binary with compile unless it exists. Processes that find it
// missing take turns, so that the second finds what the first has made.
func buildOnce(binary string, compile func(path string) error) (string, error) {
	if exists(binary) {
		return binary, nil
	}
	unlock, err := lock(binary + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(binary) {
		return binary, nil
	}
	// No other process builds now. The binary appears at its path only when complete.
	temporary := binary + ".new"
	defer os.Remove(temporary)
	if err := compile(temporary); err != nil {
		return "", err
	}
	return binary, os.Rename(temporary, binary)
}

// serverSource looks for the server's module above the working directory, which
// for a test is its package's folder.
func serverSource() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		source := filepath.Join(dir, "vaultkeys", "vaulttest", "server")
		if exists(filepath.Join(source, "go.mod")) {
			return source, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%w: its source is not above the working directory", ErrUnavailable)
		}
		dir = filepath.Dir(dir)
	}
}

func cacheFolder() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(base, "playtoken-test")
	return folder, os.MkdirAll(folder, 0o700)
}

// fingerprint names all that decides what the binary does.
func fingerprint(source, module string) (string, error) {
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, file := range append(files, filepath.Join(source, module), filepath.Join(source, strings.TrimSuffix(module, ".mod")+".sum")) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, filepath.Base(file), len(text))
		sum.Write(text)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

// lock waits for the other processes that build. The kernel releases the lock of
// one that dies.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// compile builds the server. A machine without the Go tool or without the modules
// is ErrUnavailable; source that does not compile is not.
func compile(ctx context.Context, source, module, binary string) error {
	modfile := "-modfile=" + module
	if err := goTool(ctx, source, "list", "-mod=readonly", modfile, "-deps", "."); err != nil {
		return fmt.Errorf("%w: fetching its modules: %w", ErrUnavailable, err)
	}
	err := goTool(ctx, source, "build", "-mod=readonly", modfile, "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".")
	if err != nil {
		return fmt.Errorf("building Vault: %w", err)
	}
	return nil
}

func goTool(ctx context.Context, source string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = source, append(os.Environ(), "GOWORK=off", "PWD="+source)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w: %s", args[0], err, lastLines(said.Bytes()))
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrUnavailable is a machine on which no Vault can be had, or a wish for none;
// what wraps it says why.
var ErrUnavailable = errors.New("no Vault to test with")

// program is a Vault server that can run here.
type program struct {
	path string
	// args are its arguments for data in dir, at address: plain HTTP, or TLS with
	// files.
	args func(dir, address string, files TLS) ([]string, error)
}

// TLS are files in PEM. The zero TLS is plain HTTP.
type TLS struct {
	Cert, Key string // of the server
	CA        string // that clients trust
}

// findProgram takes the server that the environment names, or an installed one,
// rather than building one.
func findProgram(ctx context.Context) (program, error) {
	wish := os.Getenv("PLAYTOKEN_TEST_VAULT")
	if wish == "skip" {
		return program{}, fmt.Errorf("%w: PLAYTOKEN_TEST_VAULT=skip", ErrUnavailable)
	}
	if filepath.IsAbs(wish) {
		return program{wish, installedArgs}, nil
	}
	for _, name := range []string{"vault", "bao"} {
		if path, err := exec.LookPath(name); err == nil && os.Getenv(versionName) == "" {
			return program{path, installedArgs}, nil
		}
	}
	path, err := Build(ctx, os.Stderr)
	return program{path, ownArgs}, err
}

// required reports whether the environment asks for a Vault, so that a test without
// one has failed.
func required() bool {
	wish := os.Getenv("PLAYTOKEN_TEST_VAULT")
	return wish == "require" || filepath.IsAbs(wish)
}

func ownArgs(dir, address string, files TLS) ([]string, error) {
	return []string{"-listen", address, "-storage", filepath.Join(dir, "data"), "-tls-cert", files.Cert, "-tls-key", files.Key}, nil
}

// configuration is that of an installed vault or bao: what ownArgs says.
const configuration = `
storage "file" { path = %q }
listener "tcp" {
  address       = %q
  tls_disable   = %t
  tls_cert_file = %q
  tls_key_file  = %q
}
api_addr      = %q
disable_mlock = true
log_level     = "warn"
`

func installedArgs(dir, address string, files TLS) ([]string, error) {
	path := filepath.Join(dir, "config.hcl")
	text := fmt.Sprintf(configuration, filepath.Join(dir, "data"), address, files.Cert == "", files.Cert, files.Key, files.url(address))
	return []string{"server", "-config", path}, os.WriteFile(path, []byte(text), 0o600)
}

func (t TLS) url(address string) string {
	if t.Cert == "" {
		return "http://" + address
	}
	return "https://" + address
}

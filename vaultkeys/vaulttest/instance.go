package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"playtoken/httpserver/porttest"
)

// instance is one Vault that we run: its data and keys outlive its processes.
type instance struct {
	program program
	dir     string // holds its data and its log
	address string // host:port
	files   TLS

	rootToken string
	unsealKey string
	process   *process
}

// start runs a new, initialised and unsealed Vault.
func start(files TLS) (*instance, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // the first build is slow
	defer cancel()
	program, err := findProgram(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "playtoken-vault-")
	if err != nil {
		return nil, err
	}
	i := &instance{program: program, dir: dir, files: files}
	if err := i.runAnywhere(ctx); err != nil {
		i.stop()
		return nil, err
	}
	return i, nil
}

// runAnywhere runs on a port that was free a moment ago. Another process may have
// taken it since; the server then ends, and runAnywhere tries another port.
func (i *instance) runAnywhere(ctx context.Context) error {
	err := errEnded
	for tries := 0; tries < 3 && errors.Is(err, errEnded); tries++ {
		if i.address, err = porttest.Address(); err != nil {
			return err
		}
		err = i.run(ctx)
	}
	return err
}

// run starts a process on the instance's data and address, and opens it.
func (i *instance) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	log, err := os.Create(i.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	args, err := i.program.args(i.dir, i.address, i.files)
	if err != nil {
		return err
	}
	cmd := exec.Command(i.program.path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = cleanEnvironment(), log, log
	if i.process, err = startProcess(cmd); err != nil {
		return err
	}
	return i.open(ctx)
}

// cleanEnvironment is ours without what would configure a Vault server.
func cleanEnvironment() []string {
	var clean []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "VAULT_") && !strings.HasPrefix(variable, "BAO_") {
			clean = append(clean, variable)
		}
	}
	return clean
}

// errEnded is a server process that ended by itself.
var errEnded = errors.New("the server ended")

// open waits until Vault answers, initialises it if it is new, and unseals it.
func (i *instance) open(ctx context.Context) error {
	client, err := newClient(i.url(), i.rootToken, i.files.CA)
	if err != nil {
		return err
	}
	defer client.CloneConfig().HttpClient.CloseIdleConnections()
	if err := i.awaitAnswer(ctx, client); err != nil {
		return err
	}
	if i.unsealKey == "" {
		if err := i.initialise(ctx, client); err != nil {
			return err
		}
	}
	// We hold the keys of a Vault that answers.
	status, err := client.Sys().UnsealWithContext(ctx, i.unsealKey)
	if err != nil {
		return fmt.Errorf("unsealing: %w", err)
	}
	if status.Sealed {
		return errors.New("unsealing: still sealed")
	}
	return i.awaitActive(ctx, client)
}

// awaitAnswer returns once the server answers, or errEnded with what it said.
func (i *instance) awaitAnswer(ctx context.Context, client *api.Client) error {
	return poll(ctx, func() error {
		select {
		case <-i.process.done:
			said, _ := os.ReadFile(i.logFile())
			return permanent(fmt.Errorf("%w: %s", errEnded, lastLines(said)))
		default:
		}
		_, err := client.Sys().SealStatusWithContext(ctx)
		return err
	})
}

// awaitActive returns once the unsealed server does its work.
func (i *instance) awaitActive(ctx context.Context, client *api.Client) error {
	return poll(ctx, func() error {
		health, err := client.Sys().HealthWithContext(ctx)
		if err == nil && (health.Sealed || health.Standby) {
			return errors.New("unsealed, but not active yet")
		}
		return err
	})
}

func (i *instance) initialise(ctx context.Context, client *api.Client) error {
	keys, err := client.Sys().InitWithContext(ctx, &api.InitRequest{SecretShares: 1, SecretThreshold: 1})
	if err != nil {
		return fmt.Errorf("initialising: %w", err)
	}
	i.rootToken, i.unsealKey = keys.RootToken, keys.Keys[0]
	return nil
}

func (i *instance) seal(ctx context.Context) error {
	client, err := newClient(i.url(), i.rootToken, i.files.CA)
	if err != nil {
		return err
	}
	defer client.CloneConfig().HttpClient.CloseIdleConnections()
	return client.Sys().SealWithContext(ctx)
}

func (i *instance) kill() error {
	if i.process == nil {
		return nil
	}
	return i.process.kill()
}

// stop ends the instance and its data.
func (i *instance) stop() {
	_ = i.kill()
	_ = os.RemoveAll(i.dir)
}

func (i *instance) url() string { return i.files.url(i.address) }

func (i *instance) logFile() string { return filepath.Join(i.dir, "server.log") }

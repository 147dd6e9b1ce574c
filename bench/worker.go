package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/signer"
	"playtoken/signer/rsakey"
	"playtoken/signer/rsakey/eight"
)

// job is the input of a worker.
type job struct {
	KeyFile string        `json:"key_file"` // PKCS #1, DER
	For     time.Duration `json:"for"`
	Size    int64         `json:"size"` // of a response's body, in bytes
	APIKey  string        `json:"api_key"`
	File    string        `json:"file"` // for a profile
	URL     string        `json:"url"`  // of a platform
}

// outcome is the output of a worker that calculates.
type outcome struct {
	Library string        `json:"library"`
	N       int           `json:"n"`
	CPU     time.Duration `json:"cpu"`
	Wall    time.Duration `json:"wall"`
}

// work runs a worker.
func work(ctx context.Context, task, text string, stdout io.Writer) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	switch task {
	case "echo":
		return echo(ctx, j)
	case "serve":
		return serveProfiled(ctx, j)
	case "api.video":
		return serveAPIVideo(ctx)
	}
	once, end, err := j.calculation(ctx, task)
	if err != nil {
		return err
	}
	defer end()
	done, err := repeat(j.For, once)
	if err != nil {
		return err
	}
	if task == "sign at once" {
		done.N *= atOnce
	}
	return json.NewEncoder(stdout).Encode(done)
}

// calculation returns the function that a worker repeats, and one to call at the
// end.
func (j job) calculation(ctx context.Context, task string) (once func(n uint64) error, end func(), err error) {
	switch task {
	case "sign":
		key, err := j.key()
		if err != nil {
			return nil, nil, err
		}
		return func(n uint64) error {
			_, err := key.SignSHA256([32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
			return err
		}, key.Close, nil
	case "sign at once":
		return j.signAtOnce(ctx)
	case "mint", "mint equal":
		minter, end, err := newMinter(ctx, j)
		if err != nil {
			return nil, nil, err
		}
		return func(n uint64) error {
			if task == "mint equal" {
				n = 0
			}
			_, err := minter.Mint(ctx, signer.Request{VideoID: videoID(n), TTL: lifetime(n)})
			return err
		}, end, nil
	}
	once, err = j.platformMint(ctx, task)
	return once, func() {}, err
}

// signAtOnce signs for as many callers as two batches have room for, on each
// core; a call is one signature of each.
func (j job) signAtOnce(ctx context.Context) (once func(n uint64) error, end func(), err error) {
	key, err := j.key()
	if err != nil {
		return nil, nil, err
	}
	cores := runtime.GOMAXPROCS(0)
	workers := rsakey.NewWorkers(rsakey.WorkersConfig{Cores: cores, Engine: rsakey.FastEngine()})
	once = func(n uint64) error {
		var all errgroup.Group
		for i := range uint64(atOnce) {
			all.Go(func() error {
				_, err := workers.Sign(ctx, key, [32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(i)})
				return err
			})
		}
		return all.Wait()
	}
	return once, func() { workers.Stop(); key.Close() }, nil
}

// atOnce is how many callers wait together on each core.
const atOnce = 2 * eight.Lanes

// videoID returns an id of a realistic length, a different one for each n.
func videoID(n uint64) string { return fmt.Sprintf("video%016d", n) }

// lifetime returns a different lifetime for neighbouring n.
func lifetime(n uint64) time.Duration { return time.Duration(600+n%60) * time.Second }

// repeat calls once on all cores, as a server under load does: on cores that
// share a clock or an arithmetic unit, a signature on one core costs less.
func repeat(d time.Duration, once func(n uint64) error) (outcome, error) {
	var count atomic.Uint64
	failed := make(chan error, runtime.GOMAXPROCS(0))
	began, before := time.Now(), ownCPU()
	var all sync.WaitGroup
	for range cap(failed) {
		all.Go(func() {
			err := once(count.Add(1))
			for err == nil && time.Since(began) < d {
				err = once(count.Add(1))
			}
			failed <- err
		})
	}
	all.Wait()
	done := outcome{Library: rsakey.Library, N: int(count.Load()), CPU: ownCPU() - before, Wall: time.Since(began)}
	for range cap(failed) {
		if err := <-failed; err != nil {
			return done, err
		}
	}
	return done, nil
}

// ownCPU returns the user and system time of this process.
func ownCPU() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// private reads the key that all signers of a run use.
func (j job) private() (*rsa.PrivateKey, error) {
	der, err := os.ReadFile(j.KeyFile)
	if err != nil {
		return nil, err
	}
	return x509.ParsePKCS1PrivateKey(der)
}

func (j job) key() (*rsakey.Key, error) {
	private, err := j.private()
	if err != nil {
		return nil, err
	}
	return rsakey.New(private)
}

func writeKey(path string) error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return os.WriteFile(path, x509.MarshalPKCS1PrivateKey(private), 0o600)
}

// worker returns a process of this command from the same build as the program.
func (b build) worker(ctx context.Context, task string, j job) (*exec.Cmd, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, b.bench(), "-worker", task, "-job", string(text)), nil
}

// calculates is a contestant that runs a new worker in each turn.
func (b build) calculates(name, task string, j job) contestant {
	return contestant{name: name, turn: func(ctx context.Context, d time.Duration) (score, error) {
		j.For = d
		cmd, err := b.worker(ctx, task, j)
		if err != nil {
			return score{}, err
		}
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return score{}, err
		}
		var done outcome
		if err := json.Unmarshal(out, &done); err != nil {
			return score{}, err
		}
		if done.Library != b.library {
			return score{}, fmt.Errorf("the worker signs with %s, want %s", done.Library, b.library)
		}
		return score{n: done.N, cpu: done.CPU, wall: done.Wall}, nil
	}}
}

package main

import (
	"bytes"
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
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/signer"
	"playtoken/signer/rsakey"
)

// job is the input of a worker.
type job struct {
	KeyFile string        `json:"key_file"` // PKCS #1, DER
	For     time.Duration `json:"for"`
	Size    int64         `json:"size"` // of a response's body, in bytes
	APIKey  string        `json:"api_key"`
	File    string        `json:"file"`    // for a profile
	URL     string        `json:"url"`     // of a platform
	Cores   int           `json:"cores"`   // 0: all of the machine
	Callers int           `json:"callers"` // at the same time; 0: one on each core
}

// outcome is the output of a worker that calculates.
type outcome struct {
	Library string        `json:"library"`
	N       int           `json:"n"`
	CPU     time.Duration `json:"cpu"`
	Wall    time.Duration `json:"wall"`
	Fill    float64       `json:"fill"` // signatures at a time; 0: not measured
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
	case "naive":
		return naive(ctx, j)
	case "files":
		return serveFiles(ctx, j)
	}
	if j.Cores > 0 {
		runtime.GOMAXPROCS(j.Cores)
	}
	if task == "timing" {
		return observe(j, stdout)
	}
	c, err := j.calculation(ctx, task)
	if err != nil {
		return err
	}
	defer c.end()
	done, err := c.repeat(j)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(done)
}

// calculation is what a worker repeats.
type calculation struct {
	once func(n uint64) error
	many int                      // signatures that one call makes
	fill func(signed int) float64 // signatures at a time; nil: not counted
	end  func()
}

func (j job) calculation(ctx context.Context, task string) (calculation, error) {
	switch task {
	case "sign", "sign at once", "sign eight", "sign through workers":
		private, err := j.private()
		if err != nil {
			return calculation{}, err
		}
		return signing(ctx, task, private)
	case "mint", "mint equal":
		minter, end, err := newMinter(ctx, j)
		if err != nil {
			return calculation{}, err
		}
		return calculation{many: 1, end: end, once: func(n uint64) error {
			if task == "mint equal" {
				n = 0
			}
			_, err := minter.Mint(ctx, signer.Request{VideoID: videoID(n), TTL: lifetime(n)})
			return err
		}}, nil
	}
	once, err := j.platformMint(ctx, task)
	return calculation{once: once, many: 1, end: func() {}}, err
}

// videoID returns an id of a realistic length, a different one for each n.
func videoID(n uint64) string { return fmt.Sprintf("video%016d", n) }

// lifetime returns a different lifetime for neighbouring n.
func lifetime(n uint64) time.Duration { return time.Duration(600+n%60) * time.Second }

// repeat calls once for a time, on all cores, as a server under load does: on
// cores that share a clock or an arithmetic unit, a signature on one core costs
// less.
func (c calculation) repeat(j job) (outcome, error) {
	callers := j.Callers
	if callers == 0 {
		callers = runtime.GOMAXPROCS(0)
	}
	var count atomic.Uint64
	var all errgroup.Group
	began, before := time.Now(), ownCPU()
	for range callers {
		all.Go(func() error {
			err := c.once(count.Add(1))
			for err == nil && time.Since(began) < j.For {
				err = c.once(count.Add(1))
			}
			return err
		})
	}
	err := all.Wait()
	done := outcome{Library: rsakey.Library, N: int(count.Load()) * c.many, CPU: ownCPU() - before, Wall: time.Since(began)}
	if c.fill != nil {
		done.Fill = c.fill(done.N)
	}
	return done, err
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
	cmd := exec.CommandContext(ctx, b.bench(), "-worker", task, "-job", string(text))
	if b.godebug != "" {
		cmd.Env = append(os.Environ(), "GODEBUG="+b.godebug)
	}
	return cmd, nil
}

// ask runs a worker and reads its output.
func (b build) ask(ctx context.Context, task string, j job, output any) error {
	cmd, err := b.worker(ctx, task, j)
	if err != nil {
		return err
	}
	var logs bytes.Buffer
	cmd.Stderr = &logs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("worker %s: %w: %s", task, err, lastLine(logs.Bytes()))
	}
	return json.Unmarshal(out, output)
}

// calculates is a contestant that runs a new worker in each turn.
func (b build) calculates(name, task string, j job) contestant {
	return contestant{name: name, turn: func(ctx context.Context, d time.Duration) (score, error) {
		j.For = d
		var done outcome
		if err := b.ask(ctx, task, j, &done); err != nil {
			return score{}, err
		}
		if done.Library != b.library {
			return score{}, fmt.Errorf("the worker signs with %s, want %s", done.Library, b.library)
		}
		return score{n: done.N, cpu: done.CPU, wall: done.Wall, fill: done.Fill}, nil
	}}
}

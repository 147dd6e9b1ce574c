package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// bench is one run.
type bench struct {
	effort
	dir      string // removed at the end
	progress io.Writer
	notes    []string // what is left out, and why

	standard, fast build
	size           float64 // of the program, in MB
	world          world
	servers        []*server // in the order in which they started
	contestants    []contestant
	results        results
	service        *server      // of the standard build
	loaded         float64      // its resident memory after the rounds, in MB
	minters        []string     // the names of servers that mint
	timing         *observation // nil: none
}

func (b *bench) keyFile() string { return filepath.Join(b.dir, "key") }

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// close stops all servers, the last started first.
func (b *bench) close() {
	for i := len(b.servers) - 1; i >= 0; i-- {
		b.servers[i].stop()
	}
}

// start starts a server that runs until close.
func (b *bench) start(cmd *exec.Cmd) (*server, error) {
	s, err := startServer(cmd)
	if err == nil {
		b.servers = append(b.servers, s)
	}
	return s, err
}

// prepare builds the programs, starts the servers and lists the contestants.
func (b *bench) prepare(ctx context.Context) error {
	if err := writeKey(b.keyFile()); err != nil {
		return err
	}
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := b.openWorld(ctx); err != nil {
		return err
	}
	// The programs, a platform, and a store with an active key exist now.
	for _, enter := range []func(context.Context) error{
		b.enterStandard, b.enterFast, b.enterEngines, b.enterOpenSSL, b.enterEcho, b.enterPeers, b.enterPlatforms, b.enterCrowds,
	} {
		if err := enter(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) build(ctx context.Context) (err error) {
	fmt.Fprintln(b.progress, "building")
	if b.standard, err = makeBuild(ctx, filepath.Join(b.dir, "standard"), standard, b.shipped); err != nil {
		return err
	}
	info, err := os.Stat(b.standard.program())
	if err != nil {
		return err
	}
	b.size = float64(info.Size()) / (1 << 20)
	if !b.rivals {
		b.note("OpenSSL, Node: this run measures neither")
		return nil
	}
	if b.fast, err = makeBuild(ctx, filepath.Join(b.dir, "openssl"), openSSL, b.shipped); err != nil {
		b.fast = build{}
		b.note("OpenSSL: %v", err)
	}
	return ctx.Err()
}

// The names of contestants. by adds the library of a build.
const (
	bareSignature = "bare RSA-2048 signature"
	onOneCore     = "bare RSA-2048 signature, one core"
	signedAtOnce  = "bare signature, for callers who wait together"
	opensslSpeed  = "bare RSA-2048 signature, one core (openssl speed)"
	overHTTP      = "mint over HTTP, distinct"
	overHTTPSame  = "mint over HTTP, equal"
	overHTTPBatch = "mint over HTTP, batches of 100"
	firstToken    = "start to first token"
	echoing       = "echo of JSON over HTTP"
	manifest      = "gate: manifest with a token"
	segment       = "gate: segment with a ticket"
	servedContent = "the same segment by http.ServeContent"
	nodeServing   = "Node jsonwebtoken over HTTP"
	joseServing   = "Node jose over HTTP"
	naiveServing  = "naive Go server over HTTP"
)

func by(library, name string) string { return name + " (" + library + ")" }

// enterStandard adds the contestants of the standard build.
func (b *bench) enterStandard(ctx context.Context) error {
	service, err := b.enterBuild(ctx, b.standard)
	if err != nil {
		return err
	}
	b.contestants = append(b.contestants, b.world.starts(b.standard))
	b.service = service
	made, err := b.world.tokens(ctx, service.line.Address)
	if err != nil {
		return err
	}
	b.world.responseSize = made.size
	if err := b.enter(ctx, b.world.gate, manifest, openManifest(made.tokens)); err != nil {
		return err
	}
	return b.enterSegments(ctx, made.tokens[0])
}

func (b *bench) enterFast(ctx context.Context) error {
	if b.fast == (build{}) {
		return nil
	}
	_, err := b.enterBuild(ctx, b.fast)
	return err
}

// enterBuild adds the signer and the service of a build.
func (b *bench) enterBuild(ctx context.Context, made build) (*server, error) {
	j := job{KeyFile: b.keyFile()}
	alone := job{KeyFile: b.keyFile(), Cores: 1}
	b.contestants = append(b.contestants,
		made.calculates(by(made.library, bareSignature), "sign", j),
		made.calculates(by(made.library, onOneCore), "sign", alone),
		made.calculates(by(made.library, signedAtOnce), "sign at once", j),
		made.calculates(by(made.library, onVidbeo), "mint", j),
		made.calculates(by(made.library, onVidbeoSame), "mint equal", j),
	)
	service, err := b.start(b.world.command(ctx, made, "serve"))
	if err != nil {
		return nil, err
	}
	key := b.world.apiKey
	return service, errors.Join(
		b.enterMinter(ctx, service, by(made.library, overHTTP)),
		b.enter(ctx, service, by(made.library, overHTTPSame), mintEqual(key)),
		b.enter(ctx, service, by(made.library, overHTTPBatch), mintBatches(key)),
		b.enterKickOff(ctx, service, by(made.library, overHTTP), mintDistinct(key)),
		b.enterKickOff(ctx, service, by(made.library, overHTTPSame), mintEqual(key)),
	)
}

// enter adds a server as a contestant, after a first turn that warms it up.
func (b *bench) enter(ctx context.Context, s *server, name string, l *load) error {
	c := s.contest(name, l)
	if _, err := c.turn(ctx, b.turn); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.contestants = append(b.contestants, c)
	return nil
}

func (b *bench) enterEcho(ctx context.Context) error {
	cmd, err := b.standard.worker(ctx, "echo", job{Size: b.world.responseSize})
	if err != nil {
		return err
	}
	echo, err := b.start(cmd)
	if err != nil {
		return err
	}
	return b.enter(ctx, echo, echoing, mintDistinct(b.world.apiKey))
}

// enterEngines adds what signs eight at once, alone and behind the workers that
// collect callers: as many as wait at the same time.
func (b *bench) enterEngines(context.Context) error {
	if len(engines()) == 0 {
		b.note("eight at once: this processor has neither AVX-512 IFMA nor AVX2")
	}
	j := job{KeyFile: b.keyFile()}
	alone := job{KeyFile: b.keyFile(), Cores: 1}
	for _, name := range engines() {
		made := b.standard.withEngine(name)
		b.contestants = append(b.contestants,
			made.calculates(by(name, bareSignature), "sign eight", j),
			made.calculates(by(name, onOneCore), "sign eight", alone))
	}
	for _, n := range b.waiting {
		b.contestants = append(b.contestants, b.standard.calculates(waitingCallers(n), "sign through workers", job{KeyFile: b.keyFile(), Callers: n}))
	}
	return nil
}

// waitingCallers are so many, who each wait for a signature and then ask for the
// next one.
func waitingCallers(n int) string { return fmt.Sprintf("bare signature, for %d callers", n) }

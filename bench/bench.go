package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"playtoken/gate/sample"
)

// bench is one run.
type bench struct {
	effort
	dir      string // removed at the end
	progress io.Writer
	notes    []string // what is not measured, and why

	world       world
	builds      []build
	servers     []*server // in the order of starting
	contestants []contestant
	results     results

	worn   float64 // MB that the service has after all that load
	binary float64 // MB of the program
}

func (b *bench) keyFile() string { return filepath.Join(b.dir, "key") }

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// close ends all servers, last started first.
func (b *bench) close() {
	for i := len(b.servers) - 1; i >= 0; i-- {
		b.servers[i].stop()
	}
}

// prepare builds and starts everything, and lists who takes part.
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
	for _, made := range b.builds {
		if err := b.enterBuild(ctx, made); err != nil {
			return err
		}
	}
	return b.enterOthers(ctx)
}

func (b *bench) build(ctx context.Context) error {
	fmt.Fprintln(b.progress, "building")
	made, err := makeBuild(ctx, filepath.Join(b.dir, "standard"), standard)
	if err != nil {
		return err
	}
	b.builds = append(b.builds, made)
	info, err := os.Stat(made.program())
	if err != nil {
		return err
	}
	b.binary = float64(info.Size()) / (1 << 20)
	fast, err := makeBuild(ctx, filepath.Join(b.dir, "openssl"), openSSL)
	if err != nil {
		b.note("OpenSSL: %v", err)
		return ctx.Err()
	}
	b.builds = append(b.builds, fast)
	return nil
}

// Who takes part. Those of a build have its library's name after theirs.
const (
	bareSignature = "bare RSA-2048 signature"
	inProcess     = "mint in process, distinct"
	inProcessSame = "mint in process, equal"
	overHTTP      = "mint over HTTP, distinct"
	overHTTPSame  = "mint over HTTP, equal"
	overHTTPBatch = "mint over HTTP, batches of 100"
	firstToken    = "start to first token"
	echoing       = "echo of JSON over HTTP"
	manifest      = "gate: manifest with a token"
	nodeServing   = "Node jsonwebtoken over HTTP"
)

func by(library, name string) string { return name + " (" + library + ")" }

// enterBuild has a build's signer and its service take part.
func (b *bench) enterBuild(ctx context.Context, made build) error {
	j := job{KeyFile: b.keyFile()}
	b.contestants = append(b.contestants,
		made.calculates(by(made.library, bareSignature), "sign", j),
		made.calculates(by(made.library, inProcess), "mint", j),
		made.calculates(by(made.library, inProcessSame), "mint equal", j),
	)
	if made.library == openSSL && b.world.signing != "memory" {
		return nil // the store signs, with its own library
	}
	service, err := b.world.serve(ctx, made)
	if err != nil {
		return err
	}
	b.servers = append(b.servers, service)
	key := b.world.apiKey
	if err := b.enter(ctx, service, by(made.library, overHTTP), mintDistinct(key)); err != nil {
		return err
	}
	if err := b.enter(ctx, service, by(made.library, overHTTPSame), mintEqual(key)); err != nil {
		return err
	}
	return b.enter(ctx, service, by(made.library, overHTTPBatch), mintBatches(key))
}

// enter has a server take part; it has answered, and is warm, by then.
func (b *bench) enter(ctx context.Context, s *server, name string, l *load) error {
	c := s.contest(name, l)
	if _, err := c.turn(ctx, b.turn); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.contestants = append(b.contestants, c)
	return nil
}

// enterOthers has everything take part that there is only one of.
func (b *bench) enterOthers(ctx context.Context) error {
	b.contestants = append(b.contestants, b.world.starts(b.builds[0]))
	tokens, err := b.world.tokens(ctx, b.servers[1].line.Address)
	if err != nil {
		return err
	}
	if err := b.enter(ctx, b.servers[0], manifest, openManifest(tokens.tokens)); err != nil {
		return err
	}
	cmd, err := b.builds[0].worker(ctx, "echo", job{Size: tokens.size})
	if err != nil {
		return err
	}
	echo, err := startServer(cmd)
	if err != nil {
		return err
	}
	b.servers = append(b.servers, echo)
	if err := b.enter(ctx, echo, echoing, mintDistinct("anybody")); err != nil {
		return err
	}
	node, err := b.startNode(ctx)
	if err != nil {
		b.note("Node: %v", err)
		return ctx.Err()
	}
	b.servers = append(b.servers, node)
	return b.enter(ctx, node, nodeServing, mintDistinct("anybody"))
}

// afterwards takes what is left to see of servers that have been under load.
func (b *bench) afterwards() (err error) {
	b.worn, err = b.servers[1].resident()
	return err
}

// What is asked of each server.

func mintDistinct(key string) *load {
	return &load{connections: connections, status: 201, counts: 1, ask: func(dst []byte, n uint64) []byte {
		return post(dst, "/v1/playback-tokens", key, mintBody(nil, n))
	}}
}

func mintEqual(key string) *load {
	return &load{connections: connections, status: 201, counts: 1, ask: func(dst []byte, _ uint64) []byte {
		return post(dst, "/v1/playback-tokens", key, mintBody(nil, 0))
	}}
}

func mintBatches(key string) *load {
	const size = 100
	return &load{connections: batchConnections, status: 200, counts: size, ask: func(dst []byte, n uint64) []byte {
		body := []byte(`{"requests":[`)
		for i := range uint64(size) {
			body = append(mintBody(body, n<<8|i|1<<48), ',')
		}
		body = append(bytes.TrimSuffix(body, []byte(",")), "]}"...)
		return post(dst, "/v1/playback-tokens/batch", key, body)
	}}
}

func mintBody(dst []byte, n uint64) []byte {
	return fmt.Appendf(dst, `{"video_id":%q,"expires_in":%d}`, videoID(n), int(lifetime(n).Seconds()))
}

func openManifest(tokens []string) *load {
	return &load{connections: connections, status: 200, counts: 1, ask: func(dst []byte, n uint64) []byte {
		return fmt.Appendf(dst, "GET /%s/hls.m3u8?jwt=%s HTTP/1.1\r\nHost: bench\r\n\r\n", sample.VideoID, tokens[n%uint64(len(tokens))])
	}}
}

func newAPIKey() string { return strings.ToLower(rand.Text() + rand.Text()) }

package main

import (
	"context"
	"fmt"

	"playtoken/platforms"
	"playtoken/platforms/apivideo"
	"playtoken/platforms/apivideo/apivideotest"
	"playtoken/platforms/jwplayer"
	"playtoken/platforms/standin"
	"playtoken/secret"
	"playtoken/signer"
)

// The cost of a mint in process, by platform. HTTP and authentication, which
// cost the same for all of them, are left out. The tokens of vidbeo are signed
// in memory, by either library.
const (
	onVidbeo       = "vidbeo, distinct"
	onVidbeoSame   = "vidbeo, equal"
	onJWPlayer     = "jwplayer, distinct"
	onJWPlayerSame = "jwplayer, equal"
	onAPIVideo     = "apivideo"
)

// enterPlatforms adds the platforms that do not sign with RSA. Each mint for
// api.video fetches two private tokens and a session, over HTTP on loopback,
// from a stand-in in another process, whose CPU time is not counted.
func (b *bench) enterPlatforms(ctx context.Context) error {
	cmd, err := b.standard.worker(ctx, "api.video", job{})
	if err != nil {
		return err
	}
	standin, err := b.start(cmd)
	if err != nil {
		return err
	}
	b.contestants = append(b.contestants,
		b.standard.calculates(onJWPlayer, "jwplayer", job{}),
		b.standard.calculates(onJWPlayerSame, "jwplayer equal", job{}),
		b.standard.calculates(onAPIVideo, "apivideo", job{URL: "http://" + standin.line.Address}))
	return nil
}

// credential opens the accounts of all stand-ins.
var credential = map[string]secret.Value{"api_key": secret.New("api-key-of-the-bench"), "signing_secret": secret.New("secret-of-the-bench")}

// serveAPIVideo serves a stand-in of api.video without a rate limit.
func serveAPIVideo(ctx context.Context) error {
	const plenty = 1 << 20 // calls in a minute
	standin := apivideotest.New(standin.World{Credential: credential, Keys: standin.New(standin.Options{}), PageSize: 100})
	standin.Limit("read", plenty)
	standin.Limit("write", plenty)
	return serveUntil(ctx, standin)
}

// platformMint returns the task of a worker: the n-th mint. Lifetimes are the
// default, because api.video allows no other.
func (j job) platformMint(ctx context.Context, task string) (func(n uint64) error, error) {
	kind, settings, video := jwplayer.Kind(), map[string]string{"player_id": "PLAYER01"}, mediaID
	switch task {
	case "jwplayer":
	case "jwplayer equal":
		video = func(uint64) string { return mediaID(0) }
	case "apivideo":
		kind, settings = apivideo.Kind(), map[string]string{"url": j.URL}
		video = func(n uint64) string { return apivideotest.PrivateVideos[n%2] }
	default:
		return nil, fmt.Errorf("unknown task %q", task)
	}
	opened, err := kind.Open(platforms.Account{Settings: settings, Credential: credential})
	if err != nil {
		return nil, err
	}
	minter := opened.Minter(policy)
	return func(n uint64) error {
		_, err := minter.Mint(ctx, signer.Request{VideoID: video(n)})
		return err
	}, nil
}

// mediaID returns the id of a video of JW Player, a different one for each n.
func mediaID(n uint64) string { return fmt.Sprintf("%08d", n%100_000_000) }

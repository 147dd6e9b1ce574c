package signer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/filekeys"
	"playtoken/gate/verify"
	"playtoken/keyrotation"
	"playtoken/platforms/standin"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// disk is a store in a file, which may be away, and whose exports are noted.
type disk struct {
	*filekeys.Store
	away atomic.Bool

	mu    sync.Mutex
	parts []*big.Int // of the private keys that were exported
}

var errDisk = fmt.Errorf("%w: %w: disk pulled out", signer.ErrUnavailable, store.ErrUnavailable)

func (d *disk) Read(ctx context.Context, name string) (store.Document, error) {
	if d.away.Load() {
		return store.Document{}, errDisk
	}
	return d.Store.Read(ctx, name)
}

func (d *disk) Sign(ctx context.Context, name string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	if d.away.Load() {
		return signer.Signature{}, errDisk
	}
	return d.Store.Sign(ctx, name, scheme, input)
}

func (d *disk) Export(ctx context.Context, name string) (crypto.Signer, error) {
	exported, err := d.Store.Export(ctx, name)
	private, _ := exported.(*rsa.PrivateKey)
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, part := range append([]*big.Int{private.D}, private.Primes...) {
			d.parts = append(d.parts, new(big.Int).Set(part))
		}
	}
	return private, err
}

// deployment is two replicas, one signing in memory and one by the store, and
// the platform that has to accept their tokens.
type deployment struct {
	t        *testing.T
	disk     *disk
	platform *standin.Keys
	minters  map[string]*signer.ShapeMinter
	log      *slog.Logger // of everything there is to log
	logged   bytes.Buffer
	live     []signer.Token
}

var rotation = keyrotation.Policy{
	RotateEvery: 10 * time.Minute, ObserveEvery: time.Minute, MaxTTL: time.Minute, KeyBudget: 10,
	Durations: keyrotation.Durations{Propagation: 30 * time.Second, ViewAge: viewAge, Skew: time.Second, Settle: 10 * time.Second},
	KeySpec:   keyrotation.KeySpec{Kind: store.RSA2048},
}

func inMemoryPolicy() keyrotation.Policy {
	p := rotation
	p.KeySpec.Exportable, p.Durations.Staleness = true, 2*time.Minute
	return p
}

// deployed runs a test in a bubble of fake time.
func deployed(t *testing.T, test func(*deployment)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		file, err := filekeys.Open(filepath.Join(t.TempDir(), "store.db"), secret.New("password-for-tests"), filekeys.Options{Create: true, WorkFactor: 2})
		if err != nil {
			t.Fatal(err)
		}
		d := &deployment{t: t, disk: &disk{Store: file}, platform: standin.New(standin.Options{}), minters: map[string]*signer.ShapeMinter{}}
		d.log = slog.New(slog.NewTextHandler(&d.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		memory := signer.NewMemory(d.disk, d.log)
		defer memory.Close()
		for name, part := range map[string]struct {
			keys  signer.PrivateKeys
			holds func(string) bool
			view  *signer.RingView
		}{
			"memory": {memory, memory.Holds, memory.RingView(d.disk, "default")},
			"store":  {d.disk, nil, signer.NewRingView(d.disk, "default")},
		} {
			signatures, err := signer.NewSignatures(signer.SignaturesConfig{Keys: part.keys, InMemory: part.holds, Remembered: 16})
			if err != nil {
				t.Fatal(err)
			}
			defer signatures.Close()
			defer part.view.Close()
			d.minters[name] = &signer.ShapeMinter{Ring: part.view, Signatures: signatures, Shape: shape{}, Policy: signer.Policy{DefaultTTL: time.Minute, MaxTTL: time.Hour}}
		}
		test(d)
	})
}

func (d *deployment) rotator(policy keyrotation.Policy) *keyrotation.Rotator {
	return &keyrotation.Rotator{Project: "default", Documents: d.disk, Keys: d.disk.Store, Platform: d.platform, Policy: policy, Log: d.log}
}

// schedule has a rotator make its turns until ctx ends.
func schedule(ctx context.Context, rotator *keyrotation.Rotator) {
	for failures := 0; ctx.Err() == nil; {
		wait, err := rotator.Turn(ctx, failures)
		if failures++; err == nil {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// run lets time pass with a rotator at work. Both replicas mint, and every
// token is accepted by the platform at its birth and just before its end.
func (d *deployment) run(policy keyrotation.Policy, how time.Duration) {
	d.t.Helper()
	ctx, stop := context.WithCancel(d.t.Context())
	var running sync.WaitGroup
	running.Go(func() { schedule(ctx, d.rotator(policy)) })
	active := false // was there an active key at the last round? one that appears just now may be missed
	for end := time.Now().Add(how); time.Now().Before(end); time.Sleep(3 * time.Second) {
		for name := range d.minters {
			if token, err := d.mint(name); err == nil {
				d.live = append(d.live, token)
			} else if active {
				d.t.Errorf("%s: Mint: got %v, want no error", name, err)
			}
		}
		_, active = d.ring().Active()
		d.check()
	}
	stop()
	running.Wait()
}

func (d *deployment) mint(replica string) (signer.Token, error) {
	return d.minters[replica].Mint(d.t.Context(), signer.Request{VideoID: fmt.Sprintf("vid%d", time.Now().UnixNano())})
}

func (d *deployment) ring() *keyrotation.Ring {
	doc, err := d.disk.Store.Read(d.t.Context(), keyrotation.RingName("default"))
	if err != nil {
		return &keyrotation.Ring{}
	}
	ring, err := keyrotation.DecodeRing(doc)
	if err != nil {
		d.t.Fatal(err)
	}
	return &ring
}

func (d *deployment) check() {
	d.t.Helper()
	known := map[string]crypto.PublicKey{}
	for _, k := range d.platform.Current() {
		known[k.ID], _ = keyrotation.ParsePublicKey(k.PublicKey)
	}
	kept := d.live[:0]
	for _, token := range d.live {
		left := time.Until(token.ExpiresAt)
		if _, err := verify.Verify(token.Value, token.VideoID, time.Now(), func(kid string) (crypto.PublicKey, bool) { k, ok := known[kid]; return k, ok }); err != nil && left > 0 {
			d.t.Errorf("token refused %s before its end: got %v, want it accepted", left, err)
		}
		if left > 0 {
			kept = append(kept, token)
		}
	}
	d.live = kept
}

// signing is whether the active key and its standbys are exportable.
func (d *deployment) signing(exportable bool) {
	d.t.Helper()
	for _, k := range d.ring().Keys {
		if (k.State == keyrotation.Active || k.State == keyrotation.Registered) && k.Exportable != exportable {
			d.t.Errorf("generation %d is %s and exportable %v, want the opposite", k.Generation, k.State, k.Exportable)
		}
	}
}

func TestAModeIsEnteredAndLeftByRotationsWithoutRefusingAViewer(t *testing.T) {
	deployed(t, func(d *deployment) {
		d.run(rotation, 5*time.Minute)
		d.signing(false)
		d.run(inMemoryPolicy(), 5*time.Minute)
		d.signing(true)

		d.disk.away.Store(true)
		time.Sleep(viewAge + 1)
		if _, err := d.mint("memory"); err != nil {
			t.Errorf("in memory, without the store: got %v, want no error", err)
		}
		if _, err := d.mint("store"); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("by the store, without it: got %v, want ErrUnavailable", err)
		}
		d.disk.away.Store(false)
		time.Sleep(time.Second)

		d.run(inMemoryPolicy(), 7*time.Minute)
		d.run(rotation, 10*time.Minute)
		d.signing(false)
		d.disk.away.Store(true)
		time.Sleep(viewAge + 1)
		if _, err := d.mint("memory"); !errors.Is(err, signer.ErrUnavailable) {
			t.Errorf("keys that stay in the store, without it: got %v, want ErrUnavailable", err)
		}
		d.silent()
	})
}

func TestARevokedKeyIsForgottenWithinTheAgeOfAView(t *testing.T) {
	deployed(t, func(d *deployment) {
		d.run(inMemoryPolicy(), 2*time.Minute)
		active, _ := d.ring().Active()
		if _, err := d.rotator(inMemoryPolicy()).Revoke(d.t.Context(), active.Generation, keyrotation.Order{Reason: "stolen"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(viewAge + 1)
		for name := range d.minters {
			token, err := d.mint(name)
			if err != nil || token.KeyID == active.KeyID {
				t.Errorf("%s: got a signature by key %s, %v, want one by the new key", name, token.KeyID, err)
			}
		}
		d.silent()
	})
}

// silent: nothing of a private key was logged, in any encoding.
func (d *deployment) silent() {
	d.t.Helper()
	synctest.Wait() // no goroutine is working
	d.disk.mu.Lock()
	defer d.disk.mu.Unlock()
	if len(d.disk.parts) == 0 || !strings.Contains(d.logged.String(), "loaded into memory") {
		d.t.Fatalf("got %d parts of keys to look for, want some; log:\n%s", len(d.disk.parts), &d.logged)
	}
	for _, part := range d.disk.parts {
		whole := part.Bytes()
		middle := whole[len(whole)/3 : len(whole)/3+24] // of a length that base64 needs no padding for
		for name, encoded := range map[string]string{
			"hex": hex.EncodeToString(middle), "HEX": fmt.Sprintf("%X", middle), "decimal": part.String()[100:140], "bytes": string(middle),
			"base64": base64.StdEncoding.EncodeToString(middle), "base64url": base64.RawURLEncoding.EncodeToString(whole)[:40], "list": strings.Trim(fmt.Sprint(middle), "[]"),
		} {
			if strings.Contains(d.logged.String(), encoded) {
				d.t.Errorf("log: got a part of a private key in %s, want none", name)
			}
		}
	}
}

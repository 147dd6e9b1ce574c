package gateprocess

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"

	"playtoken/audit"
	"playtoken/filekeys"
	"playtoken/gate"
	"playtoken/limits"
	"playtoken/metrics"
	"playtoken/secret"
	"playtoken/service"
	"playtoken/settings"
)

// closers are closed in the opposite order.
type closers []io.Closer

func (c closers) Close() (err error) {
	for _, closer := range slices.Backward(c) {
		err = errors.Join(err, closer.Close())
	}
	return err
}

type closer func()

func (c closer) Close() error {
	c()
	return nil
}

// share opens the store that the gate shares with others, if it does.
func share(ctx context.Context, config *gate.Config, set settings.Settings, counted *metrics.Gate, log *slog.Logger, replace map[string]service.Replace) (io.Closer, error) {
	if !set.Gate.Shares {
		return closers{}, nil
	}
	if set.Gate.StoreFile != "" {
		documents, err := service.OpenFile(set.Gate.StoreFile, set.StorePassword, false)
		config.Documents = documents
		replace["PLAYTOKEN_STORE_PASSWORD"] = service.ReplacePassword(documents)
		if weak := filekeys.LongEnough(set.StorePassword); weak != nil {
			log.Warn("the store's password is short", "error", weak)
		}
		return closers{}, err
	}
	vault, err := service.OpenVault(ctx, set.Vault, log)
	if err != nil {
		return nil, err
	}
	config.Documents, config.Clock = vault, vault.Now
	counted.Login(func() metrics.Login { return metrics.Login(vault.Login()) })
	replace["VAULT_TOKEN"], replace["PLAYTOKEN_VAULT_SECRET_ID"] = service.ReplaceLogin(vault), service.ReplaceLogin(vault)
	return closer(vault.Close), nil
}

// keepRecord opens the audit log of the key API.
func keepRecord(config *gate.Config, set settings.Settings, counted *metrics.Gate, stderr io.Writer) (io.Closer, error) {
	key := func(context.Context) ([]byte, error) { return AuditKey(set.Gate.APIKey), nil }
	if set.AuditFile == "" {
		counted.RecordTo("stderr")
		log := audit.To(stderr, key)
		config.Record = countedRecord{log: log, counted: counted}
		return log, nil
	}
	log, err := audit.Open(set.AuditFile, key, audit.Anchors{})
	if err != nil {
		return nil, settings.Error{service.WithFolder("PLAYTOKEN_AUDIT", set.AuditFile, fmt.Errorf("PLAYTOKEN_AUDIT: %w", err))}
	}
	counted.RecordTo("file")
	config.Record = countedRecord{log: log, counted: counted}
	return log, nil
}

// AuditKey is the key of a gate's audit log. The gate's data cannot hold it: a
// verifier could not read it while the gate runs.
func AuditKey(apiKey secret.Value) []byte {
	mac := hmac.New(sha256.New, []byte(apiKey.Reveal()))
	mac.Write([]byte("playtoken gate audit log"))
	return mac.Sum(nil)
}

// countedRecord counts the entries that could not be written.
type countedRecord struct {
	log     *audit.Log
	counted *metrics.Gate
}

func (r countedRecord) Record(ctx context.Context, e audit.Entry) error {
	return r.count(r.log.Record(ctx, e))
}

func (r countedRecord) RecordLazily(e audit.Entry) error { return r.count(r.log.RecordLazily(e)) }

func (r countedRecord) count(err error) error {
	if err != nil {
		r.counted.Unrecorded()
	}
	return err
}

// count makes what counts failed calls and streams: alone, or together with
// other gates.
func count(config *gate.Config, set settings.Settings, counted *metrics.Gate, log *slog.Logger, replace map[string]service.Replace) (io.Closer, error) {
	config.OwnerCall = counted.OwnerCall
	config.ClientIP = func(r *http.Request) netip.Addr {
		return limits.ClientIP(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), set.TrustedProxies)
	}
	config.Proxied = func(r *http.Request) bool { return limits.FromProxy(r.RemoteAddr, set.TrustedProxies) }
	most := set.Gate.StreamsPerViewer
	if set.RedisURL.IsZero() {
		if most > 0 {
			config.Streams = limits.NewLocalStreams(most)
		}
		return closers{}, nil
	}
	shared, err := limits.NewRedis(limits.RedisConfig{URL: set.RedisURL, Timeout: set.RedisTimeout, Local: limits.NewLocal(), Degraded: func(alone bool, why error) {
		counted.LimitsAlone(alone)
		if alone {
			log.Warn("Redis is away: this gate counts streams and failed calls alone", "error", why)
			return
		}
		log.Info("Redis is back: gates count streams and failed calls together")
	}})
	if err != nil {
		return nil, settings.Error{fmt.Errorf("PLAYTOKEN_REDIS_URL: %w", err)}
	}
	config.Failures = shared
	replace["PLAYTOKEN_REDIS_URL"] = func(set settings.Settings) error { return shared.Replace(set.RedisURL) }
	if most > 0 {
		config.Streams = shared.Streams(most)
	}
	return shared, nil
}

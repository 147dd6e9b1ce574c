package viewers

import (
	"context"
	"net"
	"net/http"
	"net/netip"
)

// What tests look at from outside.
const (
	Pause      = pause
	RenewAfter = renewAfter
	WaitAfter  = waitAfter
	KeepFor    = keepFor
	MaxAsking  = maxAsking
	MaxCost    = maxCost
)

// ReadAnswer reads a webhook's answer.
func ReadAnswer(body []byte) (bool, error) { return readAnswer(body) }

// Parse reports whether a token is spelled as it should be.
func Parse(raw string) bool { _, err := parse(raw); return err == nil }

// ReadKeys counts the keys of a set.
func ReadKeys(body []byte) (int, error) { set, err := readKeys(body); return len(set), err }

// Permits reports whether an address would be dialled.
func Permits(allowed []netip.Prefix, addr netip.Addr) bool { return guard{allowed}.permits(addr) }

// Transport is the guarded one, with names resolved as the test likes.
func Transport(allowed []netip.Prefix, resolver *net.Resolver) http.RoundTripper {
	g := guard{allowed}
	return outbound{g, g.transport(resolver), maxAnswer}
}

// DialsInClear is what the dialer is told about an address, as "localhost" may
// have led to, that would be called without encryption.
func DialsInClear(allowed []netip.Prefix, address string) error {
	return guard{allowed}.control(context.WithValue(context.Background(), loopbackOnly{}, true), "tcp4", address, nil)
}

package viewers

import (
	"context"
	"net"
	"net/http"
	"net/netip"
)

// Constants for tests.
const (
	Pause           = pause
	RenewAfter      = renewAfter
	WaitAfter       = waitAfter
	KeepFor         = keepFor
	MaxWebhookCalls = maxWebhookCalls
	MaxCost         = maxCost
)

// ReadResponse reads a webhook's response.
func ReadResponse(body []byte) (bool, error) { return readResponse(body) }

// Parse reports whether a token is well-formed.
func Parse(raw string) bool { _, err := parse(raw); return err == nil }

// ReadKeys counts the keys of a set.
func ReadKeys(body []byte) (int, error) { set, err := readKeys(body); return len(set), err }

// Permits reports whether an address would be dialled.
func Permits(allowed []netip.Prefix, addr netip.Addr) bool { return guard{allowed}.permits(addr) }

// Transport is the guarded one, with the test's resolver.
func Transport(allowed []netip.Prefix, resolver *net.Resolver) http.RoundTripper {
	g := guard{allowed}
	return outbound{guard: g, next: g.transport(resolver), max: maxResponse}
}

// DialsInClear is the guard's decision about an address that would be called
// without encryption.
func DialsInClear(allowed []netip.Prefix, address string) error {
	return guard{allowed}.control(context.WithValue(context.Background(), loopbackOnly{}, true), "tcp4", address, nil)
}

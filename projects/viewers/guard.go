package viewers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// errAddress: a name resolved to an address that this deployment does not call.
var errAddress = errors.New("address not permitted")

// errURL: the URL has no host.
var errURL = errors.New("must be a URL like https://host/path")

// errScheme: the connection would not be encrypted.
var errScheme = errors.New("must use https (http only on a permitted loopback address)")

const (
	dialTimeout = 5 * time.Second
	maxHeaders  = 32 << 10
	maxIdle     = 256
	idleTimeout = 30 * time.Second
)

// global contains every IPv6 address that is routed on the internet. Addresses
// outside of it that embed an IPv4 address (mapped, compatible, NAT64) are not.
var global = netip.MustParsePrefix("2000::/3")

// special are the blocks without public hosts, from the IANA registries of
// special-purpose addresses (RFC 6890 and its successors), and the blocks whose
// addresses contain another address (6to4, Teredo).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT, and some clouds' metadata
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), // link-local, and other clouds' metadata
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.31.196.0/24"),
	netip.MustParsePrefix("192.52.193.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("192.175.48.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), // with Teredo
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4
	netip.MustParsePrefix("2620:4f:8000::/48"),
	netip.MustParsePrefix("3fff::/20"),
}

// guard decides which addresses may be called. It checks the address that is
// dialled, not the name, because a name may resolve to another address the next
// time.
type guard struct {
	allowed []netip.Prefix
}

// permits reports whether the address is public, or one that the deployment
// allows.
func (g guard) permits(addr netip.Addr) bool {
	inside := func(p netip.Prefix) bool { return p.Contains(addr) }
	switch {
	case slices.ContainsFunc(g.allowed, inside):
		return true
	case addr.Is4():
		return !slices.ContainsFunc(special, inside)
	}
	// An address with a zone is in no prefix at all.
	return global.Contains(addr) && !slices.ContainsFunc(special, inside)
}

// loopbackOnly marks the context of a call that is not encrypted.
type loopbackOnly struct{}

// control is called by the dialer when the address is known and nothing was sent.
func (g guard) control(ctx context.Context, network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return errAddress
	}
	if ctx.Value(loopbackOnly{}) != nil && !at.Addr().IsLoopback() || !g.permits(at.Addr()) {
		return errAddress
	}
	return nil
}

// checkURL reports why a URL may not be called.
func (g guard) checkURL(u *url.URL) error {
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	literal := err == nil
	switch {
	case host == "":
		return errURL
	case u.User != nil || u.Fragment != "":
		return errors.New("must have neither a user nor a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && (!literal || !addr.IsLoopback())):
		return errScheme
	case literal && !g.permits(addr):
		return errAddress
	case u.Scheme == "http" && !literal && !g.allowsLoopback():
		return errAddress
	}
	return nil
}

func (g guard) allowsLoopback() bool {
	return g.permits(netip.AddrFrom4([4]byte{127, 0, 0, 1})) || g.permits(netip.IPv6Loopback())
}

// transport makes guarded calls. It uses no proxy, which would dial instead of the
// guarded dialer, and no compression, so that bodies are limited as they arrive.
func (g guard) transport(resolver *net.Resolver) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: g.control, Resolver: resolver}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxWebhookCalls,
		IdleConnTimeout:        idleTimeout,
	}
}

// outbound makes every call of this package: to addresses that the guard permits,
// with response bodies of at most max bytes. It follows no redirects.
type outbound struct {
	guard
	next http.RoundTripper
	max  int64
}

// RoundTrip implements http.RoundTripper.
func (o outbound) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := o.checkURL(req.URL); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("call %s: %w", strings.ToValidUTF8(req.URL.Host, "?"), err)
	}
	if req.URL.Scheme == "http" {
		req = req.WithContext(context.WithValue(req.Context(), loopbackOnly{}, true))
	}
	resp, err := o.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, o.max)
	return resp, nil
}

package limits

import (
	"net/http"
	"net/netip"
	"strings"
)

// Network is the part of an address that limits count by: an IPv4 address
// itself, or the first 64 bits of an IPv6 address, because a host usually
// controls all addresses below them. It is "unknown" for the zero Addr.
func Network(address netip.Addr) string {
	address = plain(address)
	switch {
	case !address.IsValid():
		return "unknown"
	case address.Is4():
		return address.String()
	}
	return netip.PrefixFrom(address, 64).Masked().String()
}

// ClientIP returns the address of the client that sent a request. That is the
// peer, unless the peer is a trusted proxy; then it is the right-most address in
// X-Forwarded-For that is not a trusted proxy, because a client can write
// anything to the left of that. Several header lines count as one list. Reading
// stops at an entry that is not an address: the client is then the last address
// read. The result is the zero Addr if the peer has no address.
//
// Peer has the form of http.Request.RemoteAddr. The header Forwarded is ignored:
// two headers could give two answers.
func ClientIP(peer string, forwarded []string, trusted []netip.Prefix) netip.Addr {
	address, ok := parseHop(peer)
	if !ok {
		return netip.Addr{}
	}
	for i := len(forwarded) - 1; i >= 0; i-- {
		for rest, more := forwarded[i], true; more; {
			if !within(address, trusted) {
				return address
			}
			var hop string
			rest, hop, more = cutLast(rest)
			next, ok := parseHop(hop)
			if !ok {
				return address
			}
			address = next
		}
	}
	return address
}

// FromProxy reports whether a request comes directly from a trusted proxy. Peer is as
// of ClientIP.
func FromProxy(peer string, trusted []netip.Prefix) bool {
	address, ok := parseHop(peer)
	return ok && within(address, trusted)
}

// cutLast splits a list before its last entry.
func cutLast(list string) (rest, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(i, 0)], strings.Trim(list[i+1:], " \t"), i >= 0
}

// parseHop reads an address with or without port.
func parseHop(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return plain(withPort.Addr()), true
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	address, err := netip.ParseAddr(text)
	return plain(address), err == nil
}

// plain removes what can differ between two spellings of one address.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

func within(address netip.Addr, prefixes []netip.Prefix) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// forwarding are headers by which a proxy says that it stands in between.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"}

// Direct reports whether a request comes from a process on this machine without a
// proxy in between. A proxy that adds no header makes every client look direct. One
// that passes TLS through cannot add a header, so no request with TLS is direct.
func Direct(r *http.Request) bool {
	if r.TLS != nil {
		return false
	}
	for _, name := range forwarding {
		if len(r.Header.Values(name)) > 0 {
			return false
		}
	}
	address, ok := parseHop(r.RemoteAddr)
	return ok && address.IsLoopback()
}

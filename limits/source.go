package limits

import (
	"net/netip"
	"strings"
)

// Network is what an address counts as: itself, or the first 64 bits of an IPv6
// address, since whoever has one of those has them all; "unknown" for the zero
// Addr.
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

// Address is the address behind a request: the peer's, unless the peer is a
// trusted proxy; then the right-most one of X-Forwarded-For that is not, since
// what is to the left of that may be anything that the caller has sent. The
// lines of the header count as one list. It ends at an entry that is no
// address, and if all before that are proxies, it is the last of them. The zero
// Addr is a peer without address.
//
// Peer is as http.Request.RemoteAddr. The header Forwarded is not looked at:
// two headers are two answers.
func Address(peer string, forwarded []string, trusted []netip.Prefix) netip.Addr {
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

// plain has one spelling for one host.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

func within(address netip.Addr, prefixes []netip.Prefix) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

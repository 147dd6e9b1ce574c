package limits_test

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"playtoken/limits"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:aaaa::/48")}

func TestClientIPIsTheLastAddressThatIsNotATrustedProxy(t *testing.T) {
	for name, c := range map[string]struct {
		peer, want string
		forwarded  []string
	}{
		"a client without a proxy":              {"192.0.2.1:5000", "192.0.2.1", nil},
		"a client that sends the header itself": {"192.0.2.1:5000", "192.0.2.1", []string{"198.51.100.1"}},
		"a proxy alone":                         {"10.1.2.3:80", "10.1.2.3", nil},
		"one proxy":                             {"10.1.2.3:80", "198.51.100.1", []string{"198.51.100.1"}},
		"what the caller has sent":              {"10.1.2.3:80", "198.51.100.1", []string{"203.0.113.9, 198.51.100.1"}},
		"what the caller has sent, lines":       {"10.1.2.3:80", "198.51.100.1", []string{"203.0.113.9", "198.51.100.1"}},
		"a proxy's address sent":                {"10.1.2.3:80", "198.51.100.1", []string{"10.9.9.9,198.51.100.1"}},
		"two proxies":                           {"10.1.2.3:80", "198.51.100.1", []string{"203.0.113.9, 198.51.100.1", "10.7.7.7"}},
		"two proxies in one line":               {"10.1.2.3:80", "198.51.100.1", []string{"198.51.100.1 ,\t10.7.7.7"}},
		"only proxies":                          {"10.1.2.3:80", "10.7.7.7", []string{"10.7.7.7, 10.8.8.8"}},
		"garbage":                               {"10.1.2.3:80", "10.1.2.3", []string{"198.51.100.1, garbage"}},
		"garbage behind a proxy":                {"10.1.2.3:80", "10.7.7.7", []string{"198.51.100.1, unknown, 10.7.7.7"}},
		"an empty entry":                        {"10.1.2.3:80", "10.1.2.3", []string{"198.51.100.1,"}},
		"an empty line":                         {"10.1.2.3:80", "10.1.2.3", []string{"198.51.100.1", ""}},
		"ports":                                 {"10.1.2.3:80", "198.51.100.1", []string{"198.51.100.1:4711"}},
		"IPv6":                                  {"[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64", nil},
		"IPv6, its neighbour":                   {"[2001:db8:1:2:ffff::1]:443", "2001:db8:1:2::/64", nil},
		"IPv6 behind an IPv6 proxy":             {"[2001:db8:aaaa::1]:443", "2001:db8:1:2::/64", []string{"2001:db8:1:2::9"}},
		"IPv6 in brackets":                      {"10.1.2.3:80", "2001:db8:1:2::/64", []string{"[2001:db8:1:2::9]"}},
		"IPv6 in brackets with a port":          {"10.1.2.3:80", "2001:db8:1:2::/64", []string{"[2001:db8:1:2::9]:1"}},
		"IPv4 in IPv6":                          {"[::ffff:192.0.2.1]:80", "192.0.2.1", nil},
		"a proxy's IPv4 in IPv6":                {"[::ffff:10.1.2.3]:80", "198.51.100.1", []string{"::ffff:198.51.100.1"}},
		"a zone":                                {"[fe80::1%eth0]:80", "fe80::/64", nil},
		"no port":                               {"192.0.2.1", "192.0.2.1", nil},
		"a socket":                              {"@", "unknown", []string{"198.51.100.1"}},
		"nothing":                               {"", "unknown", nil},
	} {
		if got := source(c.peer, c.forwarded, proxies); got != c.want {
			t.Errorf("%s: client counts as %q, want %q", name, got, c.want)
		}
	}
}

func FuzzClientIP(f *testing.F) {
	f.Add("10.1.2.3:80", "203.0.113.9, 198.51.100.1", "10.7.7.7")
	f.Add("[::ffff:10.1.2.3]:80", "[2001:db8::1]:1,", ",,\x00")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		got := source(peer, []string{first, second}, proxies)
		if address, err := netip.ParseAddr(got); got != "unknown" && !(err == nil && address.Is4()) && !strings.HasSuffix(got, "::/64") {
			if prefix, err := netip.ParsePrefix(got); err != nil || prefix.Bits() != 64 {
				t.Errorf("client of peer %q with X-Forwarded-For %q, %q counts as %q, want an IPv4 address, a /64 or unknown", peer, first, second, got)
			}
		}
		if joined := source(peer, []string{first + "," + second}, proxies); joined != got {
			t.Errorf("client of two header lines counts as %q, of the same as one line as %q, want the same", got, joined)
		}
		// What a client writes in front of its own address has no effect.
		if spoofed := source(peer, []string{first + ",198.51.100.1", "10.2.2.2"}, proxies); strings.HasPrefix(peer, "10.1.2.3:80") && spoofed != "198.51.100.1" && got != "unknown" {
			t.Errorf("client that sends %q itself counts as %q, want 198.51.100.1", first, spoofed)
		}
	})
}

// source is what a request is counted as.
func source(peer string, forwarded []string, trusted []netip.Prefix) string {
	return limits.Network(limits.ClientIP(peer, forwarded, trusted))
}

// TestDirectIsWhatNoProxyCanPass: one that passes TLS through adds no header.
func TestDirectIsWhatNoProxyCanPass(t *testing.T) {
	for name, c := range map[string]struct {
		from, header string
		tls          *tls.ConnectionState
		want         bool
	}{
		"this machine":           {from: "127.0.0.1:4000", want: true},
		"this machine, IPv6":     {from: "[::1]:4000", want: true},
		"another machine":        {from: "192.0.2.1:4000"},
		"a proxy here":           {from: "127.0.0.1:4000", header: "X-Forwarded-For"},
		"a proxy that passes on": {from: "127.0.0.1:4000", tls: &tls.ConnectionState{}},
	} {
		r := &http.Request{RemoteAddr: c.from, Header: http.Header{}, TLS: c.tls}
		if c.header != "" {
			r.Header.Set(c.header, "192.0.2.1")
		}
		if got := limits.Direct(r); got != c.want {
			t.Errorf("%s: got direct = %t, want %t", name, got, c.want)
		}
	}
}

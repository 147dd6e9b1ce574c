package viewers_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/projects/viewers"
)

func TestAddressesThatAreCalled(t *testing.T) {
	for address, permitted := range map[string]bool{
		"93.184.216.34": true, "1.1.1.1": true, "9.255.255.255": true, "11.0.0.0": true, "172.15.255.255": true, "172.32.0.0": true,
		"100.63.255.255": true, "100.128.0.0": true, "126.255.255.255": true, "128.0.0.1": true, "192.167.255.255": true, "223.255.255.255": true,
		"2606:2800:220:1:248:1893:25c8:1946": true, "2a00:1450:4001::1": true, "2001:4860:4860::8888": true,
		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "10.255.255.255": false, "100.64.0.1": false, "100.100.100.200": false,
		"127.0.0.1": false, "127.255.255.254": false, "169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.0.0.1": false, "192.0.2.1": false, "192.88.99.1": false, "192.168.1.1": false, "198.18.0.1": false, "198.19.255.255": false,
		"198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::7f00:1": false, "::ffff:127.0.0.1": false, "::ffff:93.184.216.34": false, "::ffff:0:127.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::5db8:d822": false, "64:ff9b:1::7f00:1": false, "100::1": false, "2001::1": false, "2001:0:7f00:1::": false,
		"2001:db8::1": false, "2002:7f00:1::": false, "2002:a00:1::1": false, "3fff::1": false, "4000::1": false, "fc00::1": false, "fd12:3456::1": false,
		"fe80::1": false, "fe80::1%lo": false, "2606:4700::1%lo": false, "fec0::1": false, "ff02::1": false, "5f00::1": false,
	} {
		if got := viewers.Permits(nil, netip.MustParseAddr(address)); got != permitted {
			t.Errorf("address %s: permitted is %t, want the opposite", address, got)
		}
	}
	if viewers.Permits(nil, netip.Addr{}) {
		t.Error("zero address: permitted, want it refused")
	}
}

func TestAddressesThatTheDeploymentAllows(t *testing.T) {
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("127.0.0.1/32")}
	for address, permitted := range map[string]bool{
		"10.1.2.3": true, "fd00::1": true, "127.0.0.1": true, "93.184.216.34": true,
		"10.2.0.1": false, "127.0.0.2": false, "::1": false, "::ffff:10.1.2.3": false, "64:ff9b::a01:203": false, "169.254.169.254": false,
	} {
		if got := viewers.Permits(allowed, netip.MustParseAddr(address)); got != permitted {
			t.Errorf("address %s: permitted is %t, want the opposite", address, got)
		}
	}
}

// names is a name server that gives one answer after the other, the last for
// good.
func names(answers ...string) *net.Resolver {
	var asked atomic.Int32
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			for {
				query, err := readQuery(theirs)
				if err != nil {
					return
				}
				var addr netip.Addr
				if kind := binary.BigEndian.Uint16(query[len(query)-4:]); kind == 1 { // A; there is nothing else
					addr = netip.MustParseAddr(answers[min(int(asked.Add(1)), len(answers))-1])
				}
				if _, err := theirs.Write(reply(query, addr)); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

// readQuery reads one question, as over TCP, without additional records.
func readQuery(c net.Conn) ([]byte, error) {
	buffer := make([]byte, 1500)
	n, err := c.Read(buffer)
	if err != nil {
		return nil, err
	}
	message := buffer[2:n]
	end := 12
	for message[end] != 0 {
		end += int(message[end]) + 1
	}
	return message[:end+5], nil
}

func reply(query []byte, addr netip.Addr) []byte {
	message := append([]byte{}, query...)
	message[2], message[3] = 0x81, 0x80
	binary.BigEndian.PutUint16(message[6:], 0)
	binary.BigEndian.PutUint16(message[10:], 0)
	if addr.IsValid() {
		binary.BigEndian.PutUint16(message[6:], 1)
		message = append(message, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		message = append(message, addr.AsSlice()...)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

func TestANameIsWhereItLeadsWhenItIsDialled(t *testing.T) {
	var reached atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	try := func(allowed []netip.Prefix, address string, answers ...string) error {
		req, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := viewers.Transport(allowed, names(answers...)).RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	const refused = "address not permitted"
	for name, c := range map[string]struct {
		allowed []netip.Prefix
		url     string
		answers []string
		says    string
	}{
		"leads here":                  {nil, "https://hook.example.com:" + port, []string{"127.0.0.1"}, refused},
		"leads to the metadata":       {nil, "https://hook.example.com:" + port, []string{"169.254.169.254"}, refused},
		"leads here, allowed":         {loopback, "https://hook.example.com:" + port, []string{"127.0.0.1"}, "certificate"}, // it was reached
		"is here":                     {nil, "https://127.0.0.1:" + port, nil, refused},
		"is here, in other words":     {nil, "https://[::ffff:127.0.0.1]:" + port, nil, refused},
		"is here, as a number":        {nil, "https://2130706433:" + port, []string{"127.0.0.1"}, "no such host"},
		"is here, in octal":           {nil, "https://0177.0.0.1:" + port, []string{"127.0.0.1"}, "no such host"},
		"in clear":                    {loopback, "http://hook.example.com:" + port, []string{"127.0.0.1"}, "must use https"},
		"in clear, a public address":  {loopback, "http://93.184.216.34:" + port, nil, "must use https"},
		"localhost is somewhere else": {nil, "http://localhost:" + port, nil, refused},
		"a file":                      {loopback, "file:///etc/passwd", nil, "must be a URL"},
	} {
		err := try(c.allowed, c.url, c.answers...)
		if err == nil || !strings.Contains(err.Error(), c.says) && !strings.Contains(err.Error(), "a URL like https://host") {
			t.Errorf("%s: got %v, want %q or errURL", name, err, c.says)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("refused addresses: got %d requests, want 0", reached.Load())
	}
}

func TestEveryDialIsLookedAt(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	resolver := names("127.0.0.1", "127.0.0.1", "127.9.9.9", "127.0.0.1")
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	// A name that was looked at before is worth nothing: 127.0.0.1 was fine…
	next := viewers.Transport([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, resolver)
	for n, good := range []bool{true, true, false, true} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://rebind.example.com:"+port, nil)
		_, err := next.RoundTrip(req)
		if dialled := err != nil && !strings.Contains(err.Error(), "not permitted"); dialled != good {
			t.Errorf("address %d: got %v, want it dialled only if permitted", n, err)
		}
	}
}

func TestWhatIsNotEncryptedStaysHere(t *testing.T) {
	for address, good := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": false, "93.184.216.34:80": false, "10.0.0.1:80": false, "unix": false} {
		if err := viewers.DialsInClear(append(loopback, netip.MustParsePrefix("10.0.0.0/8")), address); (err == nil) != good {
			t.Errorf("%s without encryption: got %v, want an error unless it is loopback", address, err)
		}
	}
}

func TestTheEnvironmentsProxyIsNotUsed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") }))
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("ALL_PROXY", proxy.URL)
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://hook.example.com", nil)
	if _, err := viewers.Transport(nil, names("127.0.0.1")).RoundTrip(req); err == nil || !strings.Contains(err.Error(), "not permitted") {
		t.Error(err)
	}
}

//go:build openssl && linux

package rsakey_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"playtoken/signer/rsakey"
)

// resident is how much memory the process has, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skipf("NOT TESTED for leaks: %v", err)
	}
	var all, pages int
	if _, err := fmt.Sscan(string(text), &all, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// grows is how much more memory the process has after n times.
func grows(t *testing.T, n int, do func()) int {
	t.Helper()
	for range n / 10 { // one-time allocations have happened by then
		do()
	}
	before := resident(t)
	for range n {
		do()
	}
	return resident(t) - before
}

// What one forgotten object each time would come to: the least that OpenSSL
// allocates for a signature, or a key, is a hundred bytes.
const leak = 100

func TestNothingIsLeftOfASignature(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // a small key, so that many signatures take seconds
	private, err := rsa.GenerateKey(rand.Reader, 768)
	if err != nil {
		t.Fatal(err)
	}
	key, digest := newKey(t, private), randomDigest()
	n := 100_000
	if testing.Short() {
		n = 50_000
	}
	if more := grows(t, n, func() { key.SignSHA256(digest) }); more > n*leak {
		t.Errorf("got %d more bytes in use after %d signatures, want no growth", more, n)
	}
}

func TestNothingIsLeftOfAKey(t *testing.T) {
	const n = 3000
	closed := func() {
		key, err := rsakey.New(copyOf(t, pairs()[2048]))
		if err != nil {
			t.Fatal(err)
		}
		key.SignSHA256([32]byte{})
		key.Close()
	}
	if more := grows(t, n, closed); more > n*10*leak {
		t.Errorf("got %d more bytes in use after %d closed keys, want no growth", more, n)
	}
	forgotten := func() {
		if _, err := rsakey.New(copyOf(t, pairs()[2048])); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched() // the cleanups run beside us
	}
	if more := grows(t, n, forgotten); more > n*10*leak {
		t.Errorf("got %d more bytes in use after %d unreachable keys, want no growth", more, n)
	}
}

//go:build unix

package rsakey_test

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"playtoken/signer/rsakey"
)

// Without the look at the network, Go finds the data when nothing else is to be
// done, or after ten milliseconds.
func TestTheReaderOfDataThatHasArrivedRunsAfterALookAtTheNetwork(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	var got atomic.Int64
	go func() {
		for one := make([]byte, 1); ; got.Add(1) {
			if _, err := in.Read(one); err != nil {
				return
			}
		}
	}()
	const rounds = 20
	for range rounds {
		if _, err := out.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		rsakey.Poll()
		for range 2 { // now and then Go prefers the one that yields
			runtime.Gosched()
		}
	}
	if n := got.Load(); n < rounds*3/4 {
		t.Errorf("rounds in which the reader had its data: got %d, want nearly all of %d", n, rounds)
	}
}

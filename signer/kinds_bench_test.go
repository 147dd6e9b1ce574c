//go:build unix

package signer_test

import (
	"fmt"
	"syscall"
	"testing"

	"playtoken/signer"
	"playtoken/store"
)

// BenchmarkKinds measures what a token's signature takes in memory for each kind of
// key, verified before it is released, one at a time: in tokens per second of CPU time,
// which other processes do not change much. RSA is signed faster in batches; see
// rsakey.
func BenchmarkKinds(b *testing.B) {
	for _, kind := range store.Kinds() {
		b.Run(string(kind), func(b *testing.B) {
			key, err := kind.NewKey()
			if err != nil {
				b.Fatal(err)
			}
			scheme := signer.JWTScheme(kind)
			began := cpuSeconds(b)
			for i := 0; b.Loop(); i++ {
				input := scheme.Input(fmt.Append(nil, "header.claims of ", i))
				signature, err := scheme.Sign(key, input)
				if err == nil {
					err = scheme.Verify(key.Public(), input, signature)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/(cpuSeconds(b)-began), "tokens/cpu-s")
		})
	}
}

// cpuSeconds is the CPU time of this process.
func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return float64(used.Utime.Sec+used.Stime.Sec) + float64(used.Utime.Usec+used.Stime.Usec)/1e6
}

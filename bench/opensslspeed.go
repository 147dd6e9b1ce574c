package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// enterOpenSSL adds OpenSSL's own measurement of itself.
func (b *bench) enterOpenSSL(ctx context.Context) error {
	if !b.rivals {
		return nil
	}
	program, err := exec.LookPath("openssl")
	if err != nil {
		b.note("%s: %v", opensslSpeed, err)
		return nil
	}
	b.contestants = append(b.contestants, contestant{name: opensslSpeed, turn: func(ctx context.Context, d time.Duration) (score, error) {
		// The shortest time is a second. Verifying, which it measures too, is not read.
		out, err := exec.CommandContext(ctx, program, "speed", "-mr", "-seconds", "1", "rsa2048").Output()
		if err != nil {
			return score{}, err
		}
		return speedOf(string(out))
	}})
	return ctx.Err()
}

// speedOf reads how many signatures are made in a second of CPU time from the
// output for programs: +F2:NUMBER:BITS:SIGNATURES:VERIFICATIONS.
func speedOf(output string) (score, error) {
	for line := range strings.Lines(output) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 4 || fields[0] != "+F2" || fields[2] != "2048" {
			continue
		}
		rate, err := strconv.ParseFloat(fields[3], 64)
		if err != nil || rate <= 0 {
			break
		}
		took := time.Duration(float64(time.Second) / rate)
		return score{n: 1, cpu: took, wall: took}, nil
	}
	return score{}, fmt.Errorf("openssl speed: got %q, want a line +F2 with signatures in a second", output)
}

package main

import (
	"testing"
	"time"
)

const (
	// viewAge is what quick says.
	viewAge = 100 * time.Millisecond
	// patience is for how long a slow machine is waited for.
	patience = time.Minute
	// step is between two looks.
	step = 20 * time.Millisecond
)

// eventually asks until it is well, and fails with the last doctorCase. What it
// waits for goes on in other processes and behind real connections, where time
// cannot be made to pass. An ask that begins more than within from now has to
// be well: it does not matter how long the machine takes for the answer.
func eventually(t *testing.T, within time.Duration, ask func() error) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(step) {
		late := time.Since(began) > within
		err := ask()
		if err == nil {
			return
		}
		if late {
			t.Fatalf("still, after %s: %v", within, err)
		}
	}
}

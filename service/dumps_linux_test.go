package service

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// It cannot be undone, so another process tries it.
func TestAProcessThatHoldsKeysCannotBeDumped(t *testing.T) {
	const marker = "PLAYTOKEN_TEST_DUMPS"
	if os.Getenv(marker) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), marker+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("the process that forbids dumps ended with %v, want no error: %s", err, out)
		}
		return
	}
	if err := forbidDumps(); err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("dumpable %d, %v", dumpable, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit != (unix.Rlimit{}) {
		t.Errorf("core files up to %+v, %v", limit, err)
	}
}

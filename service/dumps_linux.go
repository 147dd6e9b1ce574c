package service

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// forbidDumps keeps what this process has in memory out of core files, and
// away from other processes of the same user. There is no way back.
func forbidDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid dumps and debuggers: %w", err)
	}
	return nil
}

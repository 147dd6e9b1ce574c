package vaulttest

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent covers the ends of a test process that run no cleanup: a panic,
// a timeout, a kill.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// awaitStopped returns once every thread of the child has stopped, which is a
// moment after SIGSTOP was sent. The child stays waitable.
func awaitStopped(pid int) error {
	return unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
}

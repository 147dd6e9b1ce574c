//go:build unix

package doctor

import "syscall"

// writable says why this process may not write into a folder.
func writable(dir string) error { return syscall.Access(dir, 2 /* W_OK */) }

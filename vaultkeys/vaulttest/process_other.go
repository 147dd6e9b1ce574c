//go:build !linux

package vaulttest

import "syscall"

// dieWithParent can promise nothing here: a test process that is killed leaves
// its Vault running.
func dieWithParent() *syscall.SysProcAttr { return nil }

// awaitStopped trusts that SIGSTOP has taken effect.
func awaitStopped(int) error { return nil }

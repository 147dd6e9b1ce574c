//go:build unix

package rsakey

import (
	"os"
	"syscall"
)

// network lets a goroutine wait until Go has looked at the network once. After
// runtime.Gosched, a goroutine continues before Go does that, and so before those
// whose requests have arrived meanwhile. One that waits for data itself continues
// when Go has looked, and by then has found those requests, too.
type network struct {
	in, out *os.File // two ends of a pipe
	raw     syscall.RawConn
}

// newNetwork returns nil where no pipe can be had.
func newNetwork() *network {
	in, out, err := os.Pipe()
	if err != nil {
		return nil
	}
	raw, err := in.SyscallConn()
	if err != nil {
		in.Close()
		out.Close()
		return nil
	}
	return &network{in: in, out: out, raw: raw}
}

// poll returns when Go has found the byte that it writes. One goroutine at a time
// may call it.
func (n *network) poll() {
	if n == nil {
		return
	}
	one, written := make([]byte, 1), false
	_ = n.raw.Read(func(in uintptr) bool {
		if written {
			_, _ = syscall.Read(int(in), one)
			return true
		}
		_, err := n.out.Write(one)
		written = err == nil
		return !written
	})
}

func (n *network) close() {
	if n != nil {
		n.in.Close()
		n.out.Close()
	}
}

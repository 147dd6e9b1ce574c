package vaulttest

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
)

// process is a child process which does not outlive this one.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended and been waited for
}

// startProcess runs cmd, whose outputs must be files or nil.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		defer close(p.done)
		// Linux kills the child when the thread that started it ends, so this
		// thread is kept for nothing else until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // why it ended is in its output
		}
	}()
	return p, <-started
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// kill ends the process, even a paused one; on return it is gone, and so is its
// listening socket.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

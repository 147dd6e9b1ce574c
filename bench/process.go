package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a process that serves HTTP. It announces its address in a line of
// JSON on stderr, as playtoken's log does.
type server struct {
	cmd  *exec.Cmd
	line announcement
	logs bytes.Buffer  // read only once done is closed
	done chan struct{} // closed when all its logs are read
}

type announcement struct {
	Address string `json:"address"`
	PIDs    []int  `json:"pids"` // of a server that is several processes
}

// startServer returns once the server listens. It ends with the command's
// context at the latest.
func startServer(cmd *exec.Cmd) (*server, error) {
	s := &server{cmd: cmd, done: make(chan struct{})}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	listens := make(chan announcement, 1)
	go s.listen(stderr, listens)
	s.line = <-listens
	if s.line.Address == "" {
		<-s.done
		err := cmd.Wait()
		return nil, fmt.Errorf("%s %s: %w: %s", cmd.Path, strings.Join(cmd.Args[1:], " "), err, lastLine(s.logs.Bytes()))
	}
	if s.line.PIDs == nil {
		s.line.PIDs = []int{cmd.Process.Pid}
	}
	return s, nil
}

func (s *server) listen(stderr io.Reader, listens chan<- announcement) {
	defer close(s.done)
	defer close(listens)
	announced := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		var line announcement
		if !announced && json.Unmarshal(lines.Bytes(), &line) == nil && line.Address != "" {
			listens <- line
			announced = true
		}
		if s.logs.Len() < 64<<10 {
			s.logs.Write(append(lines.Bytes(), '\n'))
		}
	}
}

// stop ends the server and waits for it.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
	_ = s.cmd.Wait()
}

// contest is a contestant whose server gets the requests of a load.
func (s *server) contest(name string, l *load) contestant {
	l.address = s.line.Address
	return contestant{name: name, turn: func(ctx context.Context, d time.Duration) (score, error) {
		before, err := s.cpu()
		if err != nil {
			return score{}, err
		}
		driven, err := l.drive(ctx, d)
		if err != nil {
			return score{}, err
		}
		after, err := s.cpu()
		driven.cpu = after - before
		return driven, err
	}}
}

// cpu returns the CPU time of the server's processes so far.
func (s *server) cpu() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range s.line.PIDs {
		spent, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		sum += spent
	}
	return sum, nil
}

// tick is the unit of CPU times in /proc, the same on every Linux.
const tick = 10 * time.Millisecond

// cpuTime returns the user and system time of a process.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("CPU time is read from Linux's /proc: %w", err)
	}
	// The name, in parentheses, may hold anything; field 3 follows it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("CPU time of process %d: %d fields", pid, len(fields))
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("CPU time of process %d: %q %q", pid, fields[11], fields[12])
	}
	return time.Duration(user+system) * tick, nil
}

// resident returns the resident memory of the server in MB (2^20 bytes).
func (s *server) resident() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("memory is read from Linux's /proc: %w", err)
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(after, &kib); err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", s.cmd.Process.Pid, err)
	}
	return kib / 1024, nil
}

func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}

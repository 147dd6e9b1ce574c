package audit

import (
	"crypto/rand"
	"io"
)

// stream is a log to a writer that cannot be read back. Every process begins a
// chain of its own.
type stream struct {
	w     io.Writer
	end   end
	after *end // what the chain goes on from, until its first line is written
	torn  bool // the last write stopped in the middle
}

func (s *stream) append(key []byte, entries []stamped, _ bool) error {
	if s.end.Chain == "" {
		s.end.Chain = rand.Text()
	}
	lines, last, err := extend(key, s.end, s.after, entries)
	if err != nil {
		return err
	}
	if s.torn {
		lines = append([]byte{'\n'}, lines...)
	}
	if n, err := s.w.Write(lines); err != nil {
		s.fail(n)
		return err
	}
	s.end, s.after, s.torn = last, nil, false
	return nil
}

// fail goes on with a new chain if some lines may be out: their numbers must
// not come again.
func (s *stream) fail(written int) {
	if written == 0 {
		return
	}
	s.torn = true
	if s.end.Seq > 0 {
		before := s.end
		s.after = &before
	}
	s.end = end{Chain: rand.Text()}
}

func (s *stream) settle([]byte) error { return nil }
func (s *stream) close() error        { return nil }

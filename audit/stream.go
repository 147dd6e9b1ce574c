package audit

import (
	"crypto/rand"
	"io"
)

// stream is a log to a writer that cannot be read. Every process begins a new
// chain.
type stream struct {
	w     io.Writer
	end   end
	after *end // the chain that this one continues, until its first line is written
	torn  bool // the last write was incomplete
}

func (s *stream) append(key []byte, entries []stamped, _ bool) error {
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

// fail begins a new chain if some lines may have been written, because their
// numbers must not be used again.
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
func (s *stream) confirmed() end      { return end{} }
func (s *stream) close() error        { return nil }

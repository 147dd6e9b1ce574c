package audit

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"time"
)

// file is a log in a file that other processes may write, too. A process writes
// only while it has the file's lock, after it has checked that the lines after the
// head continue the chain.
type file struct {
	path  string
	f     *os.File  // nil until it is opened
	at    tail      // the end of the chain after this process' last write
	freed time.Time // when this process last released the lock
	notes []stamped // entries about the file that are not yet written
	disk  end       // of the chain on the disk
	aside string    // why what was set aside could not be taken over, if that is on record
}

func (f *file) head() string { return f.path + ".head" }

// open opens the file, and creates it if necessary.
func (f *file) open() (err error) {
	f.f, err = os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	return err
}

func (f *file) close() error {
	if f.f == nil {
		return nil
	}
	return f.f.Close()
}

func (f *file) append(key []byte, entries []stamped, durable bool) error {
	if err := f.lock(key); err != nil {
		return err
	}
	defer f.unlock()
	// No other process writes, and path is this file.
	if err := f.find(key); err != nil {
		return err
	}
	// f.at is the end of the file and of the chain.
	if !durable {
		return f.write(key, entries)
	}
	before, done := f.takeAside()
	err := f.write(key, slices.Concat(before, entries))
	if err == nil {
		err = f.confirm(key)
	}
	done(err == nil)
	return err
}

// write writes entries at f.at, and those about the file itself.
func (f *file) write(key []byte, entries []stamped) error {
	lines, last, err := extend(key, f.at.End, f.at.After, slices.Concat(f.notes, entries))
	if err != nil {
		return err
	}
	if err := f.put(lines); err != nil {
		return err
	}
	f.notes = nil
	if last.Seq > 0 {
		f.at = tail{End: last, Size: f.at.Size + int64(len(lines))}
	}
	return nil
}

func (f *file) confirmed() end { return f.disk }

func (f *file) settle(key []byte) error { return f.append(key, nil, true) }

// put writes all lines or, if possible, none. The next writer finds what an
// incomplete write left.
func (f *file) put(lines []byte) error {
	if _, err := f.f.Write(lines); err != nil {
		return errors.Join(err, f.f.Truncate(f.at.Size))
	}
	return nil
}

// confirm makes everything up to f.at durable, first the lines and then the head. A
// crash in between leaves valid lines after the head, and never a head without its
// lines.
func (f *file) confirm(key []byte) error {
	if err := f.f.Sync(); err != nil {
		return err
	}
	if err := writeHead(key, f.head(), f.at); err != nil {
		return err
	}
	f.disk = f.at.End
	return nil
}

const (
	lockTimeout = 5 * time.Second  // how long to wait for the lock
	lockStep    = time.Millisecond // between two attempts
)

// lock locks the file that is at path now; if that is another file than before, the
// log was rotated. A process that has just released the lock pauses first, because
// otherwise a busy process would keep all others waiting.
func (f *file) lock(key []byte) error {
	if time.Since(f.freed) < lockStep {
		time.Sleep(2 * lockStep)
	}
	for deadline := time.Now().Add(lockTimeout); ; {
		if f.f == nil {
			if err := f.open(); err != nil {
				return err
			}
		}
		locked, err := tryLock(f.f)
		switch {
		case err != nil:
			return fmt.Errorf("lock it: %w", err)
		case locked && f.current():
			return nil
		case locked:
			// The file was rotated. Every process that locks it from now on
			// notices that, so it has its last line.
			f.leave(key)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("another process has held its lock for %v", lockTimeout)
		}
		time.Sleep(lockStep)
	}
}

func (f *file) unlock() {
	if f.f != nil {
		release(f.f)
		f.freed = time.Now()
	}
}

// current reports whether path is still the open file.
func (f *file) current() bool {
	here, err := f.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.path)
	return err == nil && os.SameFile(here, there)
}

// leave finds the end of a file that was rotated away, and closes it.
func (f *file) leave(key []byte) {
	if f.at.End.Seq > 0 {
		if last, torn, err := f.follow(key, f.at); err == nil {
			_ = f.repair(last, torn) // after an error, verification reports the line
		}
		_ = f.f.Sync() // best effort, for lines after the head
	}
	f.at.Size = -1 // f.at is not a position in the new file
	f.f.Close()    // releases the lock
	f.f = nil
}

// find moves f.at to the end of the file.
func (f *file) find(key []byte) error {
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if f.at.Size == size && f.at.End.Seq > 0 && f.endsWith(f.at) {
		return nil // the usual case: no other process has written
	}
	data, err := os.ReadFile(f.head())
	switch {
	case errors.Is(err, fs.ErrNotExist) && size == 0:
		return f.begin(key, 0, f.at.End) // a new log
	case errors.Is(err, fs.ErrNotExist):
		return f.distrust(key, size, f.at.End, errors.New("its head is missing"))
	case err != nil:
		return err
	}
	head, err := decodeHead(key, data)
	if err != nil {
		return f.distrust(key, size, f.at.End, err)
	}
	before := later(head, f.at.End)
	if size == 0 && (head.Size > 0 || before.Seq > 0) { // the log was rotated
		return f.begin(key, 0, before)
	}
	return f.findAfter(key, head, size)
}

// findAfter finds the end of a file that must have at least the lines that its head
// confirms.
func (f *file) findAfter(key []byte, head tail, size int64) error {
	before := later(head, f.at.End)
	if size < head.Size || head.End.Seq > 0 && !f.endsWith(head) {
		return f.distrust(key, size, before, errors.New("it does not have the line that its head confirms"))
	}
	last, torn, err := f.follow(key, head)
	if err == nil && last.End.Chain == f.at.End.Chain && last.End.Seq < f.at.End.Seq {
		err = errors.New("lines after its head are gone")
	}
	if err != nil {
		return f.distrust(key, size, before, err)
	}
	return f.repair(last, torn)
}

// repair removes an incomplete last line and notes its content. No caller was told
// that it is recorded; otherwise the head would confirm it.
func (f *file) repair(last tail, torn []byte) error {
	f.at = last
	if len(torn) == 0 {
		return nil
	}
	if err := f.f.Truncate(last.Size); err != nil {
		return err
	}
	const evidence = 256
	f.notes = append(f.notes, own(actionRepaired, fmt.Sprintf("the last %d bytes were an incomplete line: %s",
		len(torn), strconv.QuoteToASCII(string(torn[:min(len(torn), evidence)])))))
	return nil
}

// follow checks the lines from a position in the file to its end. Torn is what
// comes after the last newline.
func (f *file) follow(key []byte, from tail) (last tail, torn []byte, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f.f, from.Size, math.MaxInt64-from.Size), maxLine)
	for {
		text, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return from, bytes.Clone(text), nil
		} else if err != nil {
			return from, nil, fmt.Errorf("the line after line %d of chain %s cannot be read: %w", from.End.Seq, from.End.Chain, err)
		}
		_, next, err := check(key, from.End, text[:len(text)-1])
		if err != nil {
			return from, nil, fmt.Errorf("the line after line %d of chain %s %w", from.End.Seq, from.End.Chain, err)
		}
		from = tail{End: next, Size: from.Size + int64(len(text))}
	}
}

// endsWith reports whether a line with t's MAC ends at t's position.
func (f *file) endsWith(t tail) bool {
	want := `,"mac":"` + t.End.MAC + "\"}\n"
	got := make([]byte, len(want))
	_, err := f.f.ReadAt(got, t.Size-int64(len(want)))
	return err == nil && string(got) == want
}

// later is the later of the ends that the head and this process know.
func later(head tail, own end) end {
	switch {
	case own.Chain == head.End.Chain && own.Seq > head.End.Seq:
		return own
	case head.End.Seq == 0 && head.After != nil:
		return *head.After
	}
	return head.End
}

// begin begins a chain at a position in the file. Its head is written first, so
// that a file with lines always has a head.
func (f *file) begin(key []byte, size int64, after end) error {
	t := tail{End: end{Chain: rand.Text()}, Size: size}
	if after.Seq > 0 {
		t.After = &after
	}
	if err := writeHead(key, f.head(), t); err != nil {
		return err
	}
	f.at = t
	return nil
}

// distrust leaves the file's content unchanged and begins a new chain after it,
// whose first entry says why. Refusing to write would let an attacker who damages
// the log also prevent every change.
func (f *file) distrust(key []byte, size int64, after end, why error) error {
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.f.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' {
		if _, err := f.f.Write([]byte{'\n'}); err != nil {
			return err
		}
		size++
	}
	if err := f.begin(key, size, after); err != nil {
		return err
	}
	f.notes = append(f.notes, own(actionBroken, "the log was found broken: "+why.Error()))
	return nil
}

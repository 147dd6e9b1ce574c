package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/go-json-experiment/json"
)

// What is done while the store is away cannot join the chain, whose key is in the
// store. It waits in a file beside the log, as it is and without a MAC, until a
// process that has the key writes the log.

// aside is one line of that file.
type aside struct {
	Time time.Time `json:"time"`
	Entry
}

// maxAside bounds the bytes of the file that are read at once; people make its
// lines, one by one.
const maxAside = 1 << 20

func asideOf(path string) *file { return &file{path: path + ".pending"} }

// SetAside records an entry where the key of the log at path cannot be read. The
// next durable entry of the log takes it over. It is on the disk when SetAside
// returns. Until it is taken over, only the permissions of the file protect it.
func SetAside(path string, e Entry) error {
	if err := maySetAside(); err != nil {
		return fmt.Errorf("set an entry aside: %w", err)
	}
	line, err := json.Marshal(aside{Time: time.Now().UTC(), Entry: e.bounded()})
	if err != nil {
		return err
	}
	to := asideOf(path)
	if err := to.lock(nil); err != nil {
		return fmt.Errorf("set an entry aside: %w", err)
	}
	defer to.close() // releases the lock
	if log, err := os.Stat(path); err == nil {
		giveTo(to.f, log)
	}
	if _, err := to.f.Write(append(printable(line), '\n')); err != nil {
		return fmt.Errorf("set an entry aside: %w", err)
	}
	return to.f.Sync()
}

// takeAside returns the entries that were set aside, and what to call when they are
// in the log and on the disk, or if that failed. No entry is set aside in between.
// If they cannot be read, an entry says so, once; the log goes on without them.
func (f *file) takeAside() (entries []stamped, done func(taken bool)) {
	from := asideOf(f.path)
	if _, err := os.Stat(from.path); errors.Is(err, fs.ErrNotExist) {
		return nil, func(bool) {}
	}
	err := from.lock(nil)
	var data []byte
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(from.f, maxAside))
	}
	done = func(taken bool) {
		if taken && err == nil {
			_ = os.Remove(from.path) // otherwise they are taken over once more
		}
		from.close()
	}
	if err == nil {
		return parseAside(data), done
	}
	if f.aside == err.Error() {
		return nil, done
	}
	f.aside = err.Error()
	return []stamped{own(actionLost, "what was set aside cannot be read: "+err.Error())}, done
}

// parseAside reads the lines of the file. One that cannot be read is quoted in an
// entry of its own, so that it does not disappear.
func parseAside(data []byte) (entries []stamped) {
	for line := range bytes.Lines(data) {
		var e aside
		if err := json.Unmarshal(line, &e); err != nil {
			entries = append(entries, own(actionLost, fmt.Sprintf("a line that was set aside cannot be read: %.200q", line)))
			continue
		}
		entries = append(entries, stamped{e.Entry, e.Time})
	}
	return entries
}

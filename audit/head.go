package audit

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
)

// tail is a position in a log's file where a line ends, as the head records it.
type tail struct {
	End  end   `json:"end"`
	Size int64 `json:"size"` // bytes of the file up to here
	// After is line.After of the chain's first line; the head keeps it until that
	// line is written.
	After *end `json:"after,omitempty"`
}

var errHead = errors.New("the head was altered, or written with another key")

// encodeHead returns the content of a head.
func encodeHead(key []byte, t tail) ([]byte, error) {
	object, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	head, _ := seal(nil, key, aboutHead, object)
	return head, nil
}

// decodeHead reads a head. Error: errHead.
func decodeHead(key, head []byte) (t tail, err error) {
	text, newline := bytes.CutSuffix(head, []byte("\n"))
	body, mac, ok := sealOf(text)
	if !newline || !ok || !hmac.Equal([]byte(mac), []byte(sum(key, aboutHead, body))) {
		return t, errHead
	}
	if err := json.Unmarshal(append(bytes.Clone(body), '}'), &t); err != nil {
		return t, errHead
	}
	return t, nil
}

// writeHead replaces a head atomically and durably. The caller has the log's lock,
// so no other process uses the temporary name.
func writeHead(key []byte, path string, t tail) error {
	head, err := encodeHead(key, t)
	if err != nil {
		return err
	}
	if err := writeDurably(path+".new", head); err != nil {
		return err
	}
	// The new head is complete and on the disk under its temporary name.
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	// Readers see the new head. After a crash before the next step it may be the
	// old one again, which is followed by valid lines.
	return syncDirectory(filepath.Dir(path))
}

func writeDurably(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

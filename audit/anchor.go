package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/store"
)

// Anchors keeps in the store how far the log in a file has got, because a person
// who can write the file and its head can put back older copies of both, or delete
// both. There is one document for each place, a path on a host, and one for each
// chain. The zero Anchors keeps nothing.
type Anchors struct {
	Documents store.Documents
	Host      string // the machine's name

	// Watch is called with the outcome of every attempt. May be nil.
	Watch func(error)
}

// placed is the document of a place.
type placed struct {
	Host  string `json:"host"`
	Path  string `json:"path"`
	Chain string `json:"chain"` // that is written there
	Gone  []gone `json:"gone"`  // ends that were not in the file when it was opened
}

// gone is an end that a file should have had.
type gone struct {
	End     end       `json:"end"`
	Noticed time.Time `json:"noticed"`
}

// anchored is the document of a chain: at least up to its end, the chain is on the
// disk.
type anchored struct {
	End end       `json:"end"`
	At  time.Time `json:"at"`
}

const (
	// goneFor is how long a missing end is reported, and maxGone how many are.
	goneFor = 30 * 24 * time.Hour
	maxGone = 20
)

func placeName(host, path string) string {
	sum := sha256.Sum256([]byte(host + "\x00" + path))
	return "audit/place_" + hex.EncodeToString(sum[:16])
}

// chainForm is the form of a chain's name. A file may claim any other.
var chainForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)

func chainName(chain string) string { return "audit/chain_" + strings.ToLower(chain) }

// readPlace returns the document of a file's place, and where it is; version 0 if
// the document does not exist yet.
func (a Anchors) readPlace(ctx context.Context, path string) (p placed, name string, version int64, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return p, "", 0, err
	}
	name = placeName(a.Host, path)
	version, err = a.read(ctx, name, &p)
	p.Host, p.Path = a.Host, path
	return p, name, version, err
}

// readChain returns how far a chain is anchored, and the document's version; both
// are zero for a chain that is not.
func (a Anchors) readChain(ctx context.Context, chain string) (anchored, int64, error) {
	var held anchored
	if !chainForm.MatchString(chain) {
		return held, 0, nil
	}
	version, err := a.read(ctx, chainName(chain), &held)
	return held, version, err
}

func (a Anchors) read(ctx context.Context, name string, into any) (version int64, err error) {
	doc, err := a.Documents.Read(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err == nil {
		err = json.Unmarshal(doc.Data, into)
	}
	if err != nil {
		return 0, fmt.Errorf("read the anchor of the audit log: %w", err)
	}
	return doc.Version, nil
}

func (a Anchors) write(ctx context.Context, name string, content any, version int64) error {
	data, err := json.Marshal(content)
	if err == nil {
		_, err = a.Documents.Write(ctx, name, data, version)
	}
	if err != nil {
		return fmt.Errorf("anchor the audit log: %w", err)
	}
	return nil
}

// Expects returns the name of the chain that the store expects in a file; empty if
// it expects none. Errors: store.ErrUnavailable.
func (a Anchors) Expects(ctx context.Context, path string) (chain string, err error) {
	place, _, _, err := a.readPlace(ctx, path)
	return place.Chain, err
}

// advance anchors an end of the log at a path. Another process may be ahead.
func (a Anchors) advance(ctx context.Context, path string, to end) error {
	held, version, err := a.readChain(ctx, to.Chain)
	if err != nil || held.End.Seq >= to.Seq && held.End.Chain != "" {
		return err
	}
	err = a.write(ctx, chainName(to.Chain), anchored{End: to, At: time.Now().UTC()}, version)
	if errors.Is(err, store.ErrConflict) {
		return nil // another process anchored the chain just now
	}
	return err
}

// settlePlace makes a chain the one that is expected at a path. It notes the end
// that was expected before, if the file neither has nor continues it.
func (a Anchors) settlePlace(ctx context.Context, path, chain string) error {
	place, name, version, err := a.readPlace(ctx, path)
	if err != nil {
		return err
	}
	missing, err := a.missing(ctx, path, place.Chain)
	if err != nil {
		return err
	}
	if missing.Seq == 0 && place.Chain == chain {
		return nil
	}
	now := time.Now().UTC()
	place.Gone = slices.DeleteFunc(place.Gone, func(g gone) bool { return now.Sub(g.Noticed) > goneFor })
	if missing.Seq > 0 {
		place.Gone = append(place.Gone, gone{End: missing, Noticed: now})
	}
	place.Gone = place.Gone[max(0, len(place.Gone)-maxGone):]
	place.Chain = chain
	if err := a.write(ctx, name, place, version); err != nil || missing.Chain != chain {
		return err
	}
	return a.replace(ctx, chain) // what comes now is another history of this chain
}

// replace forgets how far a chain got.
func (a Anchors) replace(ctx context.Context, chain string) error {
	_, version, err := a.readChain(ctx, chain)
	if err != nil {
		return err
	}
	return a.write(ctx, chainName(chain), anchored{End: end{Chain: chain}, At: time.Now().UTC()}, version)
}

// missing returns the anchored end of a chain if the file neither contains it nor
// continues it; a zero end otherwise.
func (a Anchors) missing(ctx context.Context, path, chain string) (end, error) {
	if chain == "" {
		return end{}, nil
	}
	held, _, err := a.readChain(ctx, chain)
	if err != nil || held.End.Seq == 0 {
		return end{}, err
	}
	found, err := reaches(path, held.End)
	if err != nil || found {
		return end{}, err
	}
	return held.End, nil
}

// reaches reports whether a file has a certain line, or a chain that continues its
// chain at or after that line. It does not check MACs, which verification does. A
// file that is missing or empty is an error: it may be in the middle of a rotation.
func reaches(path string, want end) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		err = errors.New("the audit log is empty: it is being rotated")
	}
	if err != nil {
		return false, err
	}
	// The line is usually near the end.
	for _, from := range []int64{max(0, info.Size()-nearEnd), 0} {
		found, err := has(io.NewSectionReader(f, from, info.Size()-from), want)
		if found || err != nil || from == 0 {
			return found, err
		}
	}
	return false, nil
}

// nearEnd is how many bytes before the end of a file a line is looked for first.
const nearEnd = 1 << 20

func has(r io.Reader, want end) (bool, error) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			err = skipLine(lines) // it is not a line of this log
			text = nil
		}
		if err != nil {
			return false, fmt.Errorf("read the audit log: %w", err)
		}
		text = bytes.TrimSuffix(text, []byte("\n"))
		l, err := parse(text) // the first line may begin in the middle
		if err == nil && (l.end() == want || l.line.After != nil && continues(*l.line.After, want)) {
			return true, nil
		}
	}
}

// continues reports whether a chain that begins after an end has the wanted line
// before it.
func continues(after, want end) bool {
	return after.Chain == want.Chain && (after.Seq > want.Seq || after == want)
}

package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// readAnchors reads what the store confirms about a file. What it confirms about
// a chain is read when the chain's first line is.
func (v *verifier) readAnchors(ctx context.Context, path string, anchors Anchors) (err error) {
	v.anchored, v.continued = map[string]end{}, map[string]bool{}
	if anchors.Documents == nil {
		return nil
	}
	v.anchorOf = func(chain string) (end, error) {
		held, _, err := anchors.readChain(ctx, chain)
		return held.End, err
	}
	v.place, _, _, err = anchors.readPlace(ctx, path)
	return err
}

func (v *verifier) readAnchor(chain string) {
	if v.anchorOf == nil {
		return
	}
	confirmed, err := v.anchorOf(chain)
	v.anchored[chain] = confirmed
	v.unread = errors.Join(v.unread, err)
}

// compareWithAnchors finds what only the store remembers: an end that was cut off
// together with its head, or a file that was replaced.
func (v *verifier) compareWithAnchors() {
	v.number++
	for chain, confirmed := range v.anchored {
		if got := v.ends[chain]; got.Seq < confirmed.Seq {
			v.wrong("is missing: the store confirms line %d of chain %s, which has %d lines here", confirmed.Seq, chain, got.Seq)
			return
		}
	}
	if expected := v.place.Chain; expected != "" && !v.present(expected) {
		v.wrong("is missing: the store confirms that chain %s was in this file", expected)
		return
	}
	for _, g := range v.place.Gone {
		if time.Since(g.Noticed) > goneFor {
			continue
		}
		v.wrong("is missing: line %d of chain %s, which the store confirms, was gone on %s",
			g.End.Seq, g.End.Chain, g.Noticed.Format("2006-01-02 at 15:04 UTC"))
		return
	}
	if last := v.anchored[v.now]; last.Seq > 0 {
		v.Anchored = fmt.Sprintf("line %d of chain %s", last.Seq, last.Chain)
		v.Unanchored = int(v.ends[v.now].Seq - last.Seq)
	}
}

// present reports whether the log has a chain, or continues it.
func (v *verifier) present(chain string) bool {
	_, here := v.ends[chain]
	return here || v.continued[chain]
}

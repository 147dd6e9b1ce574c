//go:build !unix

package rsakey

// network does nothing: see the one for Unix.
type network struct{}

func newNetwork() *network { return nil }

func (n *network) poll()  {}
func (n *network) close() {}

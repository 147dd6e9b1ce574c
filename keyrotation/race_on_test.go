//go:build race

package keyrotation_test

// mishapsApart is which share of all mishaps is played: the race detector makes each
// ten times slower, and make test also plays all of them without it.
const mishapsApart = 8

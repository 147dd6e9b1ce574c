//go:build !race

package keyrotation_test

// mishapsApart is which share of all mishaps is played: all.
const mishapsApart = 1

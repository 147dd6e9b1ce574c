//go:build !race

package eight

const underRace = false

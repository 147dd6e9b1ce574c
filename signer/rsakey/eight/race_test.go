//go:build race

package eight

// underRace: the race detector makes the portable arithmetic some twenty times as
// slow, and has nothing to find in it. make test runs this package without it, too.
const underRace = true

// Package conventions holds the rules of the source tree, as tests: which
// package may import which, how long a file may be, how literals and test
// failures are written, and which words are not used.
//
// The decision a newcomer would get wrong: a rule is never relaxed for one
// place. Where a rule is wrong, change the rule for the whole tree and say why
// in the commit.
package conventions

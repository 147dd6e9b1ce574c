//go:build !amd64 || purego

package eight

import "testing"

const hasAssembly = false

func addNative(testing.TB, map[string]arithmetic) {}

//go:build amd64 && !purego

package eight

const hasAssembly = true

//go:build !amd64 || purego

package eight

func best() (arithmetic, bool) { return portable(wideForms()), false }

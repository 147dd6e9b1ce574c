//go:build !amd64 || purego

package eight

func fast() bool { return false }

func native() arithmetic { return portable() }

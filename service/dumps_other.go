//go:build !linux

package service

// forbidDumps does what it can, which is nothing: of the systems that this
// program runs on for anything but development, Linux is the only one.
func forbidDumps() error { return nil }

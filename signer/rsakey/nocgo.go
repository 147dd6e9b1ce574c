//go:build openssl && !cgo

package rsakey

// OpenSSL is called through cgo. Ignoring the tag without cgo would silently sign
// more slowly than the builder asked for.
var _ = the_tag_openssl_needs_CGO_ENABLED_1_and_a_C_compiler

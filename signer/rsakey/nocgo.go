//go:build openssl && !cgo

package rsakey

// OpenSSL is reached through cgo. Signing without it, as if nobody had asked
// for it, would be slower than what was asked for.
var _ = the_tag_openssl_needs_CGO_ENABLED_1_and_a_C_compiler

//go:build openssl && cgo

package rsakey

/*
#cgo LDFLAGS: -lcrypto
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

// load reads a private key in DER, or returns NULL.
static EVP_PKEY *load(const unsigned char *der, long length) {
	EVP_PKEY *key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &der, length);
	if (key == NULL) ERR_clear_error();
	return key;
}

// sign fills signature, of size bytes, and returns 1 for success. Each call has its
// own context, so calls may share the key.
static int sign(EVP_PKEY *key, const unsigned char *digest, size_t length, unsigned char *signature, size_t size) {
	size_t made = size;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	int ok = ctx != NULL
		&& EVP_PKEY_sign_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1
		&& EVP_PKEY_CTX_set_signature_md(ctx, length == 20 ? EVP_sha1() : EVP_sha256()) == 1
		&& EVP_PKEY_sign(ctx, signature, &made, digest, length) == 1
		&& made == size;
	EVP_PKEY_CTX_free(ctx);
	if (!ok) ERR_clear_error();
	return ok;
}
*/
import "C"

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"runtime"
	"unsafe"
)

// libraryCost is what a signature costs, in signatures of crypto/rsa.
const libraryCost = 0.37

// Library is the library that does the arithmetic.
const Library = "OpenSSL"

// engine owns one reference to an OpenSSL key. OpenSSL wipes what it frees.
type engine struct {
	key     *C.EVP_PKEY
	cleanup runtime.Cleanup
}

func newEngine(private *rsa.PrivateKey) (*engine, error) {
	der := x509.MarshalPKCS1PrivateKey(private)
	key := C.load((*C.uchar)(unsafe.SliceData(der)), C.long(len(der)))
	clear(der)
	Wipe(private)
	// The only copy left is OpenSSL's.
	if key == nil {
		return nil, errors.New("OpenSSL rejected the key")
	}
	e := &engine{key: key}
	e.cleanup = runtime.AddCleanup(e, free, key)
	return e, nil
}

func free(key *C.EVP_PKEY) { C.EVP_PKEY_free(key) }

func (e *engine) sign(signature []byte, hash crypto.Hash, digest []byte) error {
	if len(digest) != hash.Size() || hash != crypto.SHA1 && hash != crypto.SHA256 {
		return errors.New("not a digest by SHA-1 or SHA-256")
	}
	ok := C.sign(e.key, (*C.uchar)(unsafe.SliceData(digest)), C.size_t(len(digest)), (*C.uchar)(unsafe.SliceData(signature)), C.size_t(len(signature)))
	runtime.KeepAlive(e) // the key is not freed before here
	if ok != 1 {
		return errors.New("OpenSSL failed to sign")
	}
	return nil
}

func (e *engine) close() {
	e.cleanup.Stop()
	free(e.key)
	e.key = nil
}

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"aead.dev/minisign"
)

const sumsName = "SHA256SUMS"

// writeSums writes the hashes of all files of a folder, as sha256sum reads them, and
// signs them if there is a key.
func (s source) writeSums(dir string, key *minisign.PrivateKey) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(body), e.Name())
	}
	if err := os.WriteFile(filepath.Join(dir, sumsName), sums.Bytes(), 0o644); err != nil {
		return err
	}
	if key == nil {
		return nil
	}
	signature := minisign.SignWithComments(*key, sums.Bytes(), "playtoken "+string(s.version), "signature of "+sumsName+" by a key of minisign")
	return os.WriteFile(filepath.Join(dir, sumsName+".minisig"), signature, 0o644)
}

// readKey reads a key that minisign made, with or without a password. Where no key is
// named there is nil.
func (o options) readKey() (*minisign.PrivateKey, error) {
	if o.key == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.key)
	if err != nil {
		return nil, fmt.Errorf("the key that signs: %w", err)
	}
	var key minisign.PrivateKey
	switch {
	case !minisign.IsEncrypted(text):
		err = key.UnmarshalText(text)
	case o.password == "":
		err = errors.New("it has a password: name a file with it (-password, PASSWORD=FILE)")
	default:
		var password []byte
		if password, err = os.ReadFile(o.password); err == nil {
			key, err = minisign.DecryptKey(string(bytes.TrimRight(password, "\r\n")), text)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key that signs, in %s: %w", o.key, err)
	}
	return &key, nil
}

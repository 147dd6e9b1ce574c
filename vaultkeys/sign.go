package vaultkeys

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"playtoken/signer"
)

// signRequest requests signatures with version 1 of a key. It names every
// parameter: the defaults of transit are PSS, DER and the latest version.
type signRequest struct {
	Prehashed  bool        `json:"prehashed"`           // false for Ed25519, which hashes by itself
	Algorithm  string      `json:"signature_algorithm"` // of RSA
	Marshaling string      `json:"marshaling_algorithm"`
	KeyVersion int         `json:"key_version"`
	Batch      []signInput `json:"batch_input"`
}

type signInput struct {
	Input []byte `json:"input"` // base64 in JSON
}

// hashNames are the names that transit has for hashes. Ed25519 has a hash of its
// own; with any of these but sha2-512, transit signs the message with it.
var hashNames = map[crypto.Hash]string{crypto.SHA1: "sha1", crypto.SHA256: "sha2-256", crypto.SHA384: "sha2-384", 0: "sha2-256"}

// marshaling says how ECDSA signatures are written, and with which base64 all are.
// Each is that of one form: jws is r and s in base64url, asn1 DER in base64.
func marshaling(scheme signer.Scheme) (string, *base64.Encoding) {
	if scheme.DER() {
		return "asn1", base64.StdEncoding
	}
	return "jws", base64.RawURLEncoding
}

type signResult struct {
	Signature  string `json:"signature"`
	KeyVersion int    `json:"key_version"`
	Error      string `json:"error"`
}

// Sign implements signer.PrivateKeys. Concurrent calls for the same key and scheme
// share requests to Vault. The cancellation of one call does not affect the
// others.
func (s *Store) Sign(ctx context.Context, storeName string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	if !keyName.MatchString(storeName) {
		return signer.Signature{}, fmt.Errorf("sign: %.60q is not a key's name", storeName)
	}
	// While Vault does not respond, callers queue. Each waits for at most one
	// timeout, counted from its own call.
	ctx, cancel := context.WithTimeout(ctx, s.signTimeout())
	defer cancel()
	signature, err := s.batches.sign(ctx, signWith{key: storeName, scheme: scheme}, input)
	if err != nil {
		return signer.Signature{}, fmt.Errorf("sign with %s: %w", storeName, err)
	}
	return signer.Signature{Value: signature}, nil
}

func (s *Store) signTimeout() time.Duration { return min(s.timeout, signTimeout) }

// signBatch makes the request of a batch, and returns an outcome for each input.
func (s *Store) signBatch(ctx context.Context, with signWith, inputs [][]byte) []outcome {
	outcomes := make([]outcome, len(inputs))
	_, encoding := marshaling(with.scheme)
	results, err := s.signCall(ctx, with, inputs)
	for i := range outcomes {
		if err != nil {
			outcomes[i].err = err
			continue
		}
		outcomes[i] = results[i].outcome(encoding)
	}
	return outcomes
}

func (s *Store) signCall(ctx context.Context, with signWith, inputs [][]byte) ([]signResult, error) {
	written, _ := marshaling(with.scheme)
	body := signRequest{Prehashed: with.scheme.Hash() != 0, Algorithm: "pkcs1v15", Marshaling: written, KeyVersion: 1}
	for _, input := range inputs {
		body.Batch = append(body.Batch, signInput{input})
	}
	r := request{
		method: http.MethodPut, path: s.transit + "/sign/" + with.key + "/" + hashNames[with.scheme.Hash()],
		body: body, timeout: s.signTimeout(),
	}
	response, err := s.send(ctx, r)
	if message, _ := refusal(err); strings.Contains(message, "signing key not found") {
		return nil, signer.ErrKeyGone
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", signer.ErrUnavailable, err)
	}
	signed, err := decode[struct {
		Results []signResult `json:"batch_results"`
	}](r, response)
	if err == nil && len(signed.Results) != len(inputs) {
		err = fmt.Errorf("vault: got %d signatures for %d inputs", len(signed.Results), len(inputs))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", signer.ErrUnavailable, err)
	}
	return signed.Results, nil
}

func (r signResult) outcome(encoding *base64.Encoding) outcome {
	signature, err := r.signature(encoding)
	if err != nil {
		return outcome{err: fmt.Errorf("%w: vault: %w", signer.ErrUnavailable, err)}
	}
	return outcome{signature: signature}
}

// signature returns the signature only if Vault names version 1 of the key: no
// platform has the public key of another version.
func (r signResult) signature(encoding *base64.Encoding) ([]byte, error) {
	if r.Error != "" {
		return nil, fmt.Errorf("refused to sign: %.200q", r.Error)
	}
	text, ok := strings.CutPrefix(r.Signature, "vault:v1:")
	if !ok || r.KeyVersion != 1 {
		return nil, fmt.Errorf("signed with version %d of the key (%.9q), want 1", r.KeyVersion, r.Signature)
	}
	signature, err := encoding.DecodeString(text)
	if err != nil || len(signature) == 0 || encoding.EncodeToString(signature) != text {
		return nil, errors.New("signature is not in the base64 that was asked for")
	}
	return signature, nil
}

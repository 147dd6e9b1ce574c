package vaultkeys

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"playtoken/signer"
)

// signRequest requests RS256 with version 1 of a key. The defaults of transit are
// PSS and the latest version.
type signRequest struct {
	Prehashed  bool        `json:"prehashed"`
	Algorithm  string      `json:"signature_algorithm"`
	Marshaling string      `json:"marshaling_algorithm"`
	KeyVersion int         `json:"key_version"`
	Batch      []signInput `json:"batch_input"`
}

type signInput struct {
	Digest []byte `json:"input"` // base64 in JSON
}

type signResult struct {
	Signature  string `json:"signature"`
	KeyVersion int    `json:"key_version"`
	Error      string `json:"error"`
}

// SignSHA256 implements signer.PrivateKeys. Concurrent calls for the same key
// share requests to Vault. The cancellation of one call does not affect the
// others.
func (s *Store) SignSHA256(ctx context.Context, storeName string, digest [32]byte) (signer.Signature, error) {
	if !keyName.MatchString(storeName) {
		return signer.Signature{}, fmt.Errorf("sign: %.60q is not a key's name", storeName)
	}
	// While Vault does not respond, callers queue. Each waits for at most one
	// timeout, counted from its own call.
	ctx, cancel := context.WithTimeout(ctx, s.signTimeout())
	defer cancel()
	signature, err := s.batches.sign(ctx, storeName, digest)
	if err != nil {
		return signer.Signature{}, fmt.Errorf("sign with %s: %w", storeName, err)
	}
	return signer.Signature{Value: signature}, nil
}

func (s *Store) signTimeout() time.Duration { return min(s.timeout, signTimeout) }

// signBatch makes the request of a batch, and returns an outcome for each digest.
func (s *Store) signBatch(ctx context.Context, key string, digests [][32]byte) []outcome {
	outcomes := make([]outcome, len(digests))
	results, err := s.signCall(ctx, key, digests)
	for i := range outcomes {
		if err != nil {
			outcomes[i].err = err
			continue
		}
		outcomes[i] = results[i].outcome()
	}
	return outcomes
}

func (s *Store) signCall(ctx context.Context, key string, digests [][32]byte) ([]signResult, error) {
	body := signRequest{Prehashed: true, Algorithm: "pkcs1v15", Marshaling: "jws", KeyVersion: 1}
	for i := range digests {
		body.Batch = append(body.Batch, signInput{digests[i][:]})
	}
	r := request{
		method: http.MethodPut, path: s.transit + "/sign/" + key + "/sha2-256",
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
	if err == nil && len(signed.Results) != len(digests) {
		err = fmt.Errorf("vault: got %d signatures for %d digests", len(signed.Results), len(digests))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", signer.ErrUnavailable, err)
	}
	return signed.Results, nil
}

func (r signResult) outcome() outcome {
	signature, err := r.signature()
	if err != nil {
		return outcome{err: fmt.Errorf("%w: vault: %w", signer.ErrUnavailable, err)}
	}
	return outcome{signature: signature}
}

// signature returns the signature only if Vault names version 1 of the key: no
// platform has the public key of another version.
func (r signResult) signature() ([]byte, error) {
	if r.Error != "" {
		return nil, fmt.Errorf("refused to sign the digest: %.200q", r.Error)
	}
	text, ok := strings.CutPrefix(r.Signature, "vault:v1:")
	if !ok || r.KeyVersion != 1 {
		return nil, fmt.Errorf("signed with version %d of the key (%.9q), want 1", r.KeyVersion, r.Signature)
	}
	signature, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(signature) == 0 || base64.RawURLEncoding.EncodeToString(signature) != text {
		return nil, errors.New("signature is not base64url")
	}
	return signature, nil
}

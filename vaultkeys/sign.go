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

// signRequest asks for RS256 and nothing else. Transit's own default for RSA
// keys is PSS, and its default version the latest.
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

// SignSHA256 implements signer.PrivateKeys. Callers who want signatures of the
// same key at the same time share requests to Vault; what happens to one of
// them, its cancellation included, does not touch the others.
func (s *Store) SignSHA256(ctx context.Context, storeName string, digest [32]byte) ([]byte, error) {
	if !keyName.MatchString(storeName) {
		return nil, fmt.Errorf("sign: %.60q is not a key's name", storeName)
	}
	// Behind a Vault that does not answer, callers queue up: each waits for one
	// deadline at most, whatever becomes of those before it.
	ctx, cancel := context.WithTimeout(ctx, s.signTimeout())
	defer cancel()
	signature, err := s.batches.sign(ctx, storeName, digest)
	if err != nil {
		return nil, fmt.Errorf("sign with %s: %w", storeName, err)
	}
	return signature, nil
}

func (s *Store) signTimeout() time.Duration { return min(s.timeout, signTimeout) }

// signBatch is the one call that a batch makes.
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
	answer, err := s.send(ctx, r)
	if said, _ := refusal(err); strings.Contains(said, "signing key not found") {
		return nil, signer.ErrKeyGone
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", signer.ErrUnavailable, err)
	}
	signed, err := decode[struct {
		Results []signResult `json:"batch_results"`
	}](r, answer)
	if err == nil && len(signed.Results) != len(digests) {
		err = fmt.Errorf("vault: %d signatures for %d digests", len(signed.Results), len(digests))
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

// signature believes nothing that does not say which version made it: another
// one than the first is a key that no platform knows.
func (r signResult) signature() ([]byte, error) {
	if r.Error != "" {
		return nil, fmt.Errorf("refused this digest: %.200q", r.Error)
	}
	text, ok := strings.CutPrefix(r.Signature, "vault:v1:")
	if !ok || r.KeyVersion != 1 {
		return nil, fmt.Errorf("signed with key version %d (%.9q), not 1", r.KeyVersion, r.Signature)
	}
	signature, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(signature) == 0 || base64.RawURLEncoding.EncodeToString(signature) != text {
		return nil, errors.New("signature is not base64url")
	}
	return signature, nil
}

package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// permanentError is one that trying again does not cure; nil inside is success.
type permanentError struct{ error }

func permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// poll calls try until it returns no error, or a permanent one. Vault is another
// process and sends no signal when it is ready.
func poll(ctx context.Context, try func() error) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := try()
		if final, ok := errors.AsType[permanentError](err); ok {
			return final.error
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

// lastLines is the end of what a program said: where the reason is.
func lastLines(output []byte) string {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-12):], []byte("\n")))
}

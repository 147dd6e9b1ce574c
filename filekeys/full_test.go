package filekeys_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"playtoken/filekeys"
	"playtoken/store"
)

func TestFullDiskLosesNothing(t *testing.T) {
	s, path := create(t)
	name := newDocument(t, s, "small")
	if out, err := process(t.Context(), "full", path, name).CombinedOutput(); err != nil {
		t.Errorf("the process on the full disk: %v, want success\n%s", err, out)
	}
	if doc, err := s.Read(t.Context(), name); err != nil || doc.Version != 2 {
		t.Errorf("Read = version %d, %v; want what the other process wrote at last", doc.Version, err)
	}
}

// fillUp lets this process write no file longer than the store is, which the
// store finds out half-way through a transaction.
func fillUp(ctx context.Context, path string) error {
	s, err := filekeys.Open(path, password, filekeys.Options{})
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	full := syscall.Rlimit{Cur: uint64(info.Size()), Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	name, large := os.Getenv(documentVariable), []byte(strings.Repeat("large", 100<<10))
	if _, err := s.Write(ctx, name, large, 1); !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("Write: %w; want ErrUnavailable", err)
	}
	if doc, err := s.Read(ctx, name); err != nil || string(doc.Data) != "small" || doc.Version != 1 {
		return fmt.Errorf("Read = %.10q, version %d, %w", doc.Data, doc.Version, err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	_, err = s.Write(ctx, name, large, 1)
	return err
}

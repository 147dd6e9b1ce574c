package vaulttest

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestBuildersWhoRaceCompileOnce(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "vault")
	var compiled atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			path, err := buildOnce(binary, func(path string) error {
				compiled.Add(1)
				return os.WriteFile(path, []byte("whole"), 0o700)
			})
			if text, _ := os.ReadFile(path); err != nil || string(text) != "whole" {
				t.Errorf("a builder got %q, %v", text, err)
			}
		})
	}
	group.Wait()
	if got := compiled.Load(); got != 1 {
		t.Errorf("compiled %d times, want once", got)
	}
}

func TestABuildThatFailsLeavesNothingAndMayBeTriedAgain(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "vault")
	half := errors.New("out of space")
	_, err := buildOnce(binary, func(path string) error {
		return errors.Join(os.WriteFile(path, []byte("ha"), 0o700), half)
	})
	if !errors.Is(err, half) || exists(binary) || exists(binary+".new") {
		t.Fatalf("after a failed build: %v, binary there: %t", err, exists(binary))
	}
	if _, err := buildOnce(binary, func(path string) error { return os.WriteFile(path, nil, 0o700) }); err != nil {
		t.Errorf("trying again: %v", err)
	}
}

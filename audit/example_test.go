package audit_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"playtoken/audit"
)

// A log is written by one or more processes, and verified with the same key.
func ExampleVerifyFile() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "audit.log")
	key := []byte("32 bytes that only writers know.")

	l, err := audit.Open(path, func(context.Context) ([]byte, error) { return key, nil }, audit.Anchors{})
	if err != nil {
		log.Fatal(err)
	}
	for _, result := range []string{"intent", "ok"} {
		entry := audit.Entry{Actor: "admin", Action: "project.delete", Project: "project_1", Result: result}
		if err := l.Record(context.Background(), entry); err != nil {
			log.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		log.Fatal(err)
	}

	report, err := audit.VerifyFile(context.Background(), path, key, audit.Anchors{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Sound(), report.Lines, "lines")

	// An alteration is noticed.
	data, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	altered := strings.Replace(string(data), `"actor":"admin"`, `"actor":"other"`, 1)
	if err := os.WriteFile(path, []byte(altered), 0o600); err != nil {
		log.Fatal(err)
	}
	report, err = audit.VerifyFile(context.Background(), path, key, audit.Anchors{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Sound(), report.Problem)
	// Output:
	// true 2 lines
	// false line 1 was altered, or the line before it was altered or removed
}

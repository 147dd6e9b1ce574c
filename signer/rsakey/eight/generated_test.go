package eight

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAssemblyIsWhatTheProgramGenerates(t *testing.T) {
	folder := t.TempDir()
	out, err := exec.Command("go", "run", "-C", "gen", ".", folder).CombinedOutput()
	if err != nil && strings.Contains(string(out), "dial tcp") {
		t.Skipf("NOT TESTED: the generator's library cannot be fetched: %s", out)
	} else if err != nil {
		t.Fatalf("go run: %v\n%s", err, out)
	}
	for _, name := range []string{"kernel_amd64.s", "kernel_amd64.go"} {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != string(want) {
			t.Errorf("%s: got a file that differs from what gen writes (%v), want the same; run go generate", name, err)
		}
	}
}

package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func TestTheBillHasEveryModuleOfTheProgram(t *testing.T) {
	dir := released(t)
	stem := "playtoken_" + trial + "_" + runtime.GOOS + "_" + runtime.GOARCH
	_, folder := unpacked(t, filepath.Join(dir, stem+".tar.gz"))
	program := filepath.Join(folder, stem, "playtoken")
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var b cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(read(t, dir, stem+".cdx.json")), cdx.BOMFileFormatJSON).Decode(&b); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"std": strings.TrimPrefix(runtime.Version(), "go") + " "}
	for _, m := range info.Deps {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
		if err != nil || m.Replace != nil {
			t.Fatalf("module %+v: got %v, want a sum", m, err)
		}
		want[m.Path] = m.Version + " " + hex.EncodeToString(sum)
	}
	got := map[string]string{}
	for _, c := range *b.Components {
		if c.Name == "hls.js" { // where make web has fetched it
			continue
		}
		got[c.Name] = c.Version + " "
		if c.Hashes != nil {
			got[c.Name] += (*c.Hashes)[0].Value
		}
		if want := "pkg:golang/" + c.Name + "@" + c.Version; c.PackageURL != want {
			t.Errorf("%s: got the URL %s, want %s", c.Name, c.PackageURL, want)
		}
	}
	if !maps.Equal(got, want) || len(got) < 50 {
		t.Errorf("got the components %v, want the modules of the program, %v", got, want)
	}
	main, sum := b.Metadata.Component, sha256.Sum256(read(t, program))
	if main.Version != "v"+trial || (*main.Hashes)[0].Value != fmt.Sprintf("%x", sum) {
		t.Errorf("got the program %+v, want version v%s and hash %x", main, trial, sum)
	}
	if needs := *(*b.Dependencies)[0].Dependencies; len(needs) != len(*b.Components) {
		t.Errorf("got %d dependencies of the program, want %d", len(needs), len(*b.Components))
	}
}

// TestHLSIsPartOfAProgramThatHasIt, in the bill and among the licences.
func TestHLSIsPartOfAProgramThatHasIt(t *testing.T) {
	web := filepath.Join(t.TempDir(), "web")
	if err := os.MkdirAll(filepath.Join(web, "fetched"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(web, "package-lock.json"), read(t, "../../web/package-lock.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(web, "fetched/hls-license.txt"), []byte("Apache of hls.js"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := source{folder: filepath.Dir(web), hls: true}
	p := program{info: &buildinfo.BuildInfo{GoVersion: runtime.Version()}}
	parts, err := s.parts(p)
	if err != nil || !slices.ContainsFunc(parts, func(c cdx.Component) bool { return strings.HasPrefix(c.PackageURL, "pkg:npm/hls.js@1.") }) {
		t.Errorf("parts = %+v, %v; want hls.js among them", parts, err)
	}
	licences, err := s.licencesOf(p)
	if err != nil || !bytes.Contains(licences.body, []byte("Apache of hls.js")) {
		t.Errorf("licences = %s, %v; want that of hls.js among them", licences.body, err)
	}
	s.hls = false
	if parts, err := s.parts(p); err != nil || len(parts) != 1 {
		t.Errorf("parts without hls.js = %+v, %v; want Go's library alone", parts, err)
	}
}

func TestAModuleWithoutALicenceIsRefused(t *testing.T) {
	if err := appendLicences(&bytes.Buffer{}, "example.com/m v1.0.0", t.TempDir()); err == nil || !strings.Contains(err.Error(), "example.com/m v1.0.0 has no file with a licence") {
		t.Errorf("licences = %v, want an error that names the module", err)
	}
}

// TestHLSIsTakenWhereItIsTheRightOne: a clone gets what make web fetched.
func TestHLSIsTakenWhereItIsTheRightOne(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		without      bool
		taken        bool
		problem      string
	}{
		{name: "fetched", script: `var v="1.7.4"`, taken: true},
		{name: "fetched, and may be missing", script: `var v="1.7.4"`, without: true, taken: true},
		{name: "of another version", script: `var v="1.7.3"`, problem: "is not hls.js 1.7.4"},
		{name: "missing", problem: "run make web first"},
		{name: "missing, as it may be", without: true},
	} {
		from, to := t.TempDir(), t.TempDir()
		write := func(name string, body []byte) {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write(filepath.Join(to, "web/package-lock.json"), []byte(`{"packages":{"node_modules/hls.js":{"version":"1.7.4"}}}`))
		write(filepath.Join(to, "web/fetched/.gitignore"), nil)
		if tt.script != "" {
			packed, err := compressed(file{body: []byte(tt.script)})
			if err != nil {
				t.Fatal(err)
			}
			write(filepath.Join(from, "web/fetched", hlsScript), packed.body)
			write(filepath.Join(from, "web/fetched/hls-license.txt"), []byte("licence"))
		}
		taken, err := source{folder: to}.takeHLS(options{repository: from, withoutHLS: tt.without})
		if taken != tt.taken || (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: take = %t, %v; want %t and a problem with %q", tt.name, taken, err, tt.taken, tt.problem)
		}
		if _, err := os.Stat(filepath.Join(to, "web/fetched", hlsScript)); (err == nil) != tt.taken {
			t.Errorf("%s: got %v in the clone, want the script there: %t", tt.name, err, tt.taken)
		}
	}
}

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeBill writes a bill of materials: what the go tool wrote into the program, and
// hls.js, which the program carries.
func (s source) writeBill(name string, p program) error {
	b, err := s.bill(p)
	if err != nil {
		return err
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(b, cdx.SpecVersion1_6); err != nil {
		return err
	}
	return out.Sync()
}

func (s source) bill(p program) (*cdx.BOM, error) {
	body, err := os.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	main := cdx.Component{
		Type: cdx.ComponentTypeApplication, Name: "playtoken", Version: s.version.tag(), Description: description,
		PackageURL: fmt.Sprintf("pkg:golang/playtoken@%s?goarch=%s&goos=%s", s.version.tag(), p.target.processor, p.target.system),
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Licenses:   &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
		Properties: &[]cdx.Property{{Name: "vcs.revision", Value: s.revision}},
	}
	main.BOMRef = main.PackageURL
	parts, err := s.parts(p)
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, c := range parts {
		refs = append(refs, c.BOMRef)
	}
	b := cdx.NewBOM()
	b.SerialNumber = serial(sum)
	b.Metadata = &cdx.Metadata{Timestamp: s.time.Format("2006-01-02T15:04:05Z"), Component: &main}
	b.Components = &parts
	b.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	// All parts are here; which part needs which other one is not written in a program.
	b.Compositions = &[]cdx.Composition{
		{Aggregate: cdx.CompositionAggregateComplete, Assemblies: &[]cdx.BOMReference{cdx.BOMReference(main.BOMRef)}},
		{Aggregate: cdx.CompositionAggregateUnknown, Dependencies: &[]cdx.BOMReference{cdx.BOMReference(main.BOMRef)}},
	}
	return b, nil
}

// serial is a UUID (version 8) of the program's hash: the same program has the same.
func serial(sum [sha256.Size]byte) string {
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// parts are Go's library, the modules, and hls.js.
func (s source) parts(p program) (parts []cdx.Component, err error) {
	parts = append(parts, part("golang", "std", strings.TrimPrefix(p.info.GoVersion, "go")))
	for _, m := range p.info.Deps {
		m = used(m)
		c := part("golang", m.Path, m.Version)
		if c.Hashes, err = hashOf(m); err != nil {
			return nil, err
		}
		parts = append(parts, c)
	}
	if s.hls {
		version, err := s.versionOfHLS()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part("npm", "hls.js", version))
	}
	return parts, nil
}

func part(kind, name, version string) cdx.Component {
	url := "pkg:" + kind + "/" + name + "@" + version
	return cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: url}
}

// hashOf is what go.sum has for a module: a hash over the hashes of its files.
func hashOf(m *debug.Module) (*[]cdx.Hash, error) {
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("module %s: its sum is %q, want a hash such as those of go.sum", m.Path, m.Sum)
	}
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}, nil
}

// versionOfHLS is the one that npm is told to fetch.
func (s source) versionOfHLS() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.folder, "web/package-lock.json"))
	if err != nil {
		return "", err
	}
	var lock struct {
		Packages map[string]struct {
			Version string `json:"version"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return "", fmt.Errorf("web/package-lock.json: %w", err)
	}
	version := lock.Packages["node_modules/hls.js"].Version
	if version == "" {
		return "", fmt.Errorf("web/package-lock.json has no hls.js: want the version that is in web/fetched")
	}
	return version, nil
}

// Package docs_test executes and checks the documentation: every command in it
// runs against real parts or is listed in notrun.txt, every link resolves, and
// every setting, metric, route and exit code that it names exists.
//
// The decision a newcomer would get wrong: a script in testdata never writes a
// command of its own where a page has one. It names the page and pastes the
// page's command, so that what is tested is what a reader copies.
package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"mvdan.cc/sh/v3/syntax"
)

// root is the top of the module.
const root = ".."

// page is one Markdown file.
type page struct {
	path     string            // from the top of the module: docs/run.md
	text     string            // all of it
	commands []string          // of its fenced blocks marked sh, in order
	blocks   map[string]string // the last fenced block of each other language
	spans    []string          // texts between backticks
	links    []string          // destinations of links and images
	anchors  []string          // of its headings
}

// pages reads every page once.
var pages = sync.OnceValues(func() ([]page, error) {
	paths, err := filepath.Glob("*.md")
	if err != nil {
		return nil, err
	}
	runbooks, err := filepath.Glob("runbooks/*.md")
	if err != nil {
		return nil, err
	}
	paths = slices.Concat(paths, runbooks, []string{"../README.md", "../CONTRIBUTING.md", "../SECURITY.md", "../CHANGELOG.md"})
	var all []page
	for _, path := range paths {
		p, err := readPage(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, p)
	}
	return all, nil
})

func allPages(t *testing.T) []page {
	t.Helper()
	all, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readPage(path string) (page, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return page{}, err
	}
	p := page{path: filepath.ToSlash(filepath.Join("docs", path)), text: string(source), blocks: map[string]string{}}
	document := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
	return p, ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		return ast.WalkContinue, p.add(n, source)
	})
}

func (p *page) add(n ast.Node, source []byte) error {
	switch n := n.(type) {
	case *ast.Heading:
		p.anchors = append(p.anchors, anchor(content(n, source)))
	case *ast.Link:
		p.links = append(p.links, string(n.Destination))
	case *ast.Image:
		p.links = append(p.links, string(n.Destination))
	case *ast.CodeSpan:
		p.spans = append(p.spans, content(n, source))
	case *ast.FencedCodeBlock:
		return p.addBlock(n, source)
	}
	return nil
}

// languages are what fenced blocks may hold. Only sh is executed here; html, ts
// and tsx are by the tests of web, and go is quoted from an example.
var languages = []string{"sh", "json", "js", "go", "ts", "tsx", "html", "nginx", "caddyfile", "haproxy", "lua", "yaml", "text"}

func (p *page) addBlock(n *ast.FencedCodeBlock, source []byte) error {
	language := string(n.Language(source))
	if !slices.Contains(languages, language) {
		return fmt.Errorf("a fenced block is marked %q, want one of %v", language, languages)
	}
	if language != "sh" {
		p.blocks[language] = string(n.Lines().Value(source))
		return nil
	}
	commands, err := split(string(n.Lines().Value(source)))
	p.commands = append(p.commands, commands...)
	return err
}

// split takes a block apart into the commands that a reader would paste one by
// one.
func split(block string) ([]string, error) {
	file, err := syntax.NewParser(syntax.KeepComments(true)).Parse(strings.NewReader(block), "")
	if err != nil {
		return nil, fmt.Errorf("a block that no shell understands: %w", err)
	}
	var commands []string
	for i, s := range file.Stmts {
		end := uint(len(block))
		if i+1 < len(file.Stmts) {
			end = file.Stmts[i+1].Pos().Offset()
		}
		commands = append(commands, strings.TrimSpace(block[s.Pos().Offset():end]))
	}
	return commands, nil
}

// content is the text of a node, without its marks.
func content(n ast.Node, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(c.Segment.Value(source))
			if c.SoftLineBreak() {
				b.WriteByte(' ')
			}
		default:
			b.WriteString(content(c, source))
		}
	}
	return b.String()
}

var notInAnchors = regexp.MustCompile(`[^a-z0-9 _-]`)

// anchor is what hosting sites make of a heading.
func anchor(heading string) string {
	return strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func TestSplitFindsTheCommandsOfABlock(t *testing.T) {
	block := "export A=1 B=2\ncurl -sS \\\n  -d '{\"a\":\n1}'\nplaytoken x --from - <<'JSON'\n{}\nJSON\nmake test\n"
	got, err := split(block)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"export A=1 B=2", "curl -sS \\\n  -d '{\"a\":\n1}'", "playtoken x --from - <<'JSON'\n{}\nJSON", "make test"}
	if !slices.Equal(got, want) {
		t.Errorf("split = %q, want %q", got, want)
	}
}

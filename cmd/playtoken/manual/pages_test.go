package manual

import "testing"

// TestPagesShowTextLiterally: no character of it is an instruction.
func TestPagesShowTextLiterally(t *testing.T) {
	for text, want := range map[string]string{
		"--dry-run":         `\-\-dry\-run`,
		`a\b`:               `a\eb`,
		".so /etc/passwd":   `\&.so /etc/passwd`,
		"a\n'b\n.c":         "a\n\\&'b\n\\&.c",
		"one – two, three…": `one \(en two, three...`,
	} {
		if got := escaped(text); got != want {
			t.Errorf("escaped(%q) = %q, want %q", text, got, want)
		}
	}
}

package client_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"playtoken/platforms/client"
)

// said is what the client makes of a refusal's code and text.
func said(t *testing.T, code, text string) *client.StatusError {
	t.Helper()
	c := newClient(t, client.Config{
		Authorize: client.Basic,
		Explain:   func([]byte) (string, string) { return code, text },
		Transport: answers(func(*http.Request) (*http.Response, error) { return answer(400, ""), nil }),
	})
	var e *client.StatusError
	if err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/"}); !errors.As(err, &e) {
		t.Fatal(err)
	}
	return e
}

func TestACredentialInAnyFormIsWithheld(t *testing.T) {
	for _, form := range []string{
		canary, strings.ToUpper(canary), canary[:12], canary[9:],
		"your key " + canary + " is bad", strings.Join(strings.Split(canary, ""), " "), strings.Join(strings.Split(canary, ""), "\u200b"),
		base64.StdEncoding.EncodeToString([]byte(canary)), base64.URLEncoding.EncodeToString([]byte(canary + ":")), hex.EncodeToString([]byte(canary)),
		"Y2FuYXJ5LTdGcTJ4VzktYmVhcmVyLVprNDE6", strings.ReplaceAll(canary, "-", "%2D"),
		strings.Repeat("x", 190) + canary,
	} {
		if e := said(t, form, form); !strings.Contains(e.Text, "withheld") || e.Code != "" {
			t.Errorf("%q: code %q, text %q", form, e.Code, e.Text)
		}
	}
}

func TestTextsAreCutAndHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"name: too long":            "name: too long",
		"two\r\nlines\tand\x00nul":  "two lines and nul",
		"\u202eright to left\u2028": "right to left",
		"bad \xff byte":             "bad byte",
		"名前は50文字まで":                 "名前は50文字まで",
		strings.Repeat("ä", 150):    strings.Repeat("ä", 100),
		strings.Repeat("x", 5000):   strings.Repeat("x", 200),
	} {
		if e := said(t, "", text); e.Text != want {
			t.Errorf("the text %.40q became %q, want %q", text, e.Text, want)
		}
	}
	for code, want := range map[string]string{"not_found": "not_found", "E-1.2": "E-1.2", "two words": "", "x\n": "", strings.Repeat("x", 65): ""} {
		if e := said(t, code, ""); e.Code != want {
			t.Errorf("code %q: %q", code, e.Code)
		}
	}
}

func FuzzTexts(f *testing.F) {
	f.Add("name: too long")
	f.Add("two\r\nlines \xff" + canary)
	f.Add(strings.Repeat("ä\u202e", 300))
	f.Fuzz(func(t *testing.T, text string) {
		got := said(t, text, text)
		if len(got.Text) > 200 || !utf8.ValidString(got.Text) || strings.ContainsFunc(got.Text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("the text %q became %q, want 200 printable bytes at most", text, got.Text)
		}
		if strings.Contains(got.Error(), canary) {
			t.Errorf("the error for %q is %q, want no credential in it", text, got.Error())
		}
	})
}

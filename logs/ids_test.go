package logs_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"playtoken/logs"
)

const (
	trace  = "0af7651916cd43dd8448eb211c80319c"
	parent = "00-" + trace + "-b7ad6b7169203331-01"
)

func TestATraceIsTakenOverIfWellFormed(t *testing.T) {
	for _, c := range []struct {
		given []string
		want  string
	}{
		{[]string{parent}, trace},
		{[]string{"00-" + trace + "-b7ad6b7169203331-00"}, trace},
		{[]string{"01" + parent[2:]}, trace},
		{[]string{"01" + parent[2:] + "-more"}, trace},
		{nil, ""},
		{[]string{""}, ""},
		{[]string{parent, parent}, ""},
		{[]string{parent + "-more"}, ""},
		{[]string{"01" + parent[2:] + "more"}, ""},
		{[]string{"ff" + parent[2:]}, ""},
		{[]string{strings.ToUpper(parent)}, ""},
		{[]string{parent[:len(parent)-1]}, ""},
		{[]string{"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01"}, ""},
		{[]string{"00-" + trace + "-0000000000000000-01"}, ""},
		{[]string{strings.Replace(parent, "a", "g", 1)}, ""},
		{[]string{strings.Replace(parent, "-", "_", 1)}, ""},
	} {
		if got := logs.TraceID(http.Header{"Traceparent": c.given}); got != c.want {
			t.Errorf("trace id of %q = %q, want %q", c.given, got, c.want)
		}
	}
}

func TestARequestIDOfAProxyHasAForm(t *testing.T) {
	long := strings.Repeat("a", 128)
	for given, want := range map[string]string{
		"4f3c-21_A.b:c/d+e=@": "4f3c-21_A.b:c/d+e=@", long: long, "": "", long + "a": "",
		"a b": "", "a\"b": "", "a\nb": "", "é": "", "<a>": "", "{}": "",
	} {
		if got := logs.RequestID(http.Header{"X-Request-Id": {given}}); got != want {
			t.Errorf("request id of %q = %q, want %q", given, got, want)
		}
	}
	if got := logs.RequestID(http.Header{"X-Request-Id": {"a", "b"}}); got != "" {
		t.Errorf("request id of two headers = %q, want none", got)
	}
}

func FuzzIDs(f *testing.F) {
	f.Add(parent, "id-1")
	f.Add("cc-"+trace+"-b7ad6b7169203331-01-x", "a b")
	form := regexp.MustCompile(`^(?:[0-9a-f]{32})?$`)
	f.Fuzz(func(t *testing.T, given, id string) {
		h := http.Header{"Traceparent": {given}, "X-Request-Id": {id}}
		if got := logs.TraceID(h); !form.MatchString(got) || !strings.Contains(given, got) {
			t.Errorf("trace id of %q = %q, want 32 hexadecimal digits of it, or nothing", given, got)
		}
		if got := logs.RequestID(h); got != "" && (got != id || len(got) > 128 || strings.ContainsAny(got, " \"\r\n\t\x00")) {
			t.Errorf("request id of %q = %q, want the same, or nothing", id, got)
		}
	})
}

package console

import (
	"testing"
	"time"

	"playtoken/secret"
)

func TestALinkWorksOnceAndInTime(t *testing.T) {
	ends := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		code  func(string) string
		at    time.Time
		wants []bool // of one use after the other
	}{
		"twice":          {func(code string) string { return code }, ends, []bool{true, false}},
		"too late":       {func(code string) string { return code }, ends.Add(1), []bool{false, false}},
		"no code":        {func(string) string { return "" }, ends, []bool{false}},
		"another code":   {func(string) string { return "ABCDEFGHIJKLMNOPQRSTUVWXYZ" }, ends, []bool{false}},
		"part of a code": {func(code string) string { return code[:len(code)-1] }, ends, []bool{false}},
		"a longer code":  {func(code string) string { return code + "A" }, ends, []bool{false}},
	} {
		l := NewLink(secret.New("pta_canary"), ends)
		for i, want := range c.wants {
			credential, got := l.use(c.code(l.code), c.at)
			if got != want || got != (credential.Reveal() == "pta_canary") {
				t.Errorf("%s: use %d: got %t and the credential %q, want %t", name, i+1, got, credential.Reveal(), want)
			}
		}
	}
	if one, two := NewLink(secret.Value{}, ends), NewLink(secret.Value{}, ends); one.code == two.code || len(one.code) < 26 {
		t.Errorf("got the codes %q and %q, want two that cannot be guessed", one.code, two.code)
	}
}

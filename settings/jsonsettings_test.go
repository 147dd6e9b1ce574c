package settings

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestASettingOfThePlatformMayBeJSON: its commas separate nothing else.
func TestASettingOfThePlatformMayBeJSON(t *testing.T) {
	for text, want := range map[string]map[string]string{
		`a=1,b=2`: {"a": "1", "b": "2"},
		"claims={\"sub\":\"{video_id}\",\n\"v\":1},preset=haproxy": {"claims": "{\"sub\":\"{video_id}\",\n\"v\":1}", "preset": "haproxy"},
		`preset=mediamtx,claims={"a":[1,2]}`:                       {"preset": "mediamtx", "claims": `{"a":[1,2]}`},
		"a={x,\n b=2":                                              {"a": "{x", "b": "2"},
	} {
		got := map[string]string{}
		err := pairs(text, func(name, value string) error { got[name] = value; return nil })
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v, -want +got\n%s", text, err, diff)
		}
	}
	for _, text := range []string{`a`, `=1`, `a=`, `a=1,b`, `a={"x":1}b`, "a,b=1"} {
		if err := pairs(text, func(string, string) error { return nil }); err == nil {
			t.Errorf("%q: got no error, want one", text)
		}
	}
}

// TestAPlatformWithoutCredentialsMakesTheProjectDefault: naming it is enough.
func TestAPlatformWithoutCredentialsMakesTheProjectDefault(t *testing.T) {
	without := slices.DeleteFunc(goodEnviron("PLAYTOKEN_PLATFORM=jws"), func(v string) bool { return strings.HasPrefix(v, "PLAYTOKEN_PLATFORM_API_KEY=") })
	c, err := ForService(append(slices.Clone(without), `PLAYTOKEN_PLATFORM_SETTINGS=preset=haproxy,claims={"sub":"{video_id}","v":1}`))
	if err != nil || !c.Account.Exists() || c.Account.Settings["claims"] != `{"sub":"{video_id}","v":1}` {
		t.Errorf("got account %+v, %v, want the project default with its claims", c.Account, err)
	}
	_, err = ForService(goodEnviron("PLAYTOKEN_PLATFORM=jws"))
	if err == nil || !strings.Contains(err.Error(), "has no credential") {
		t.Errorf("with a credential: got %v, want that the platform has none", err)
	}
	_, err = ForService(append(slices.Clone(without), "PLAYTOKEN_PLATFORM_SETTINGS=preset=nginx"))
	if err == nil || !strings.Contains(err.Error(), "preset") {
		t.Errorf("with an unknown preset: got %v, want an error that names it", err)
	}
}

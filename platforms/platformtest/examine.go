package platformtest

import (
	"strings"
	"testing"
	"time"

	"playtoken/platforms/lint"
	"playtoken/signer"
)

// advice is what is wrong with a token, in the eyes of who knows the account's keys.
func (b *bench) advice(token signer.Token) []lint.Advice {
	if b.platform.Expects == nil {
		return nil
	}
	want := *b.platform.Expects
	if len(want.Algorithms) == 0 { // those of the ring's keys
		want.Algorithms, want.KeyIDs, want.MaxTTL = []string{"RS256"}, []string{token.KeyID}, tokens.MaxTTL
	}
	return lint.Lint(token.Value, want, time.Now())
}

// examined has a platform with a Form accept the token, and no other video with it.
func (b *bench) examined(t *testing.T, token signer.Token) {
	t.Helper()
	if b.platform.Examine == nil {
		return
	}
	for name, url := range urls(t, token) {
		for _, text := range []string{token.Value, url} {
			got := b.platform.Examine(text, token.VideoID, time.Now(), lint.Expected{KeyIDs: []string{token.KeyID}, MaxTTL: tokens.MaxTTL})
			if got.KeyID == "" && text == url && !strings.Contains(url, token.Value) {
				continue // the token is not in the URL
			}
			if got.KeyID != token.KeyID || len(got.Verdict.Reasons) > 0 || len(got.Advice) > 0 || got.Signed(&b.signing.PublicKey) != nil {
				t.Errorf("%s: got the examination %+v of %s, want it accepted without advice", name, got, text)
			}
			if other := b.platform.Examine(text, "another", time.Now(), lint.Expected{}); len(other.Verdict.Reasons) == 0 {
				t.Errorf("%s, for another video: got no reason to refuse %s", name, text)
			}
		}
	}
}

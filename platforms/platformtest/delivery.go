package platformtest

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"playtoken/signer"
)

// testDelivery compares what a token's delivery says with the URL that a player
// opens.
func testDelivery(t *testing.T, b *bench) {
	for _, video := range b.suite.Mint.Videos {
		token, err := b.minter(t, tokens).Mint(t.Context(), signer.Request{VideoID: video})
		if err != nil {
			t.Fatal(err)
		}
		d := token.Delivery
		places := []signer.Place{signer.InQuery, signer.InPath, signer.InCookie, signer.InHeader}
		if !slices.Contains(places, d.Place) || !slices.Contains([]signer.Renewal{signer.RenewByRequest, signer.RenewByURL, signer.RenewNever}, d.Renew) {
			t.Errorf("%s: got the delivery %+v, want a place and a way to renew", video, d)
		}
		whole := strings.Contains(token.Value, "=") && (d.Place == signer.InQuery || d.Place == signer.InCookie)
		if d.Name == "" && d.Place != signer.InPath && d.Renew == signer.RenewByRequest && !whole {
			t.Errorf("%s: got the delivery %+v, want a name that a player can set", video, d)
		}
		if token.URLs.HLS != "" {
			checkPlayed(t, token)
		}
	}
}

// checkPlayed has the URL of the manifest carry what the delivery says.
func checkPlayed(t *testing.T, token signer.Token) {
	t.Helper()
	d := token.Delivery
	played, err := url.Parse(token.URLs.HLS)
	if err != nil {
		t.Fatal(err)
	}
	query := played.Query()
	if d.Place == signer.InQuery && d.Name == "" && !strings.Contains(played.RawQuery, token.Value) {
		t.Errorf("%s: got %s, want the token to be a part of the query", token.VideoID, played)
	}
	if d.Place == signer.InQuery && d.Name != "" && d.Renew == signer.RenewByRequest && query.Get(d.Name) != token.Value {
		t.Errorf("%s: got %s, want the token in the parameter %q", token.VideoID, played, d.Name)
	}
	if d.Place == signer.InPath && d.Name != "" && !strings.Contains(played.Path, "/"+d.Name+"/") {
		t.Errorf("%s: got %s, want the token below %q", token.VideoID, played, d.Name)
	}
	for _, name := range d.Carry {
		if query.Get(name) == "" {
			t.Errorf("%s: got %s, want the parameter %q, which other requests are to carry", token.VideoID, played, name)
		}
	}
}

// testKinds asks for each kind of token that some video is said to have.
func testKinds(t *testing.T, b *bench) {
	minter := b.minter(t, tokens)
	made := map[string]bool{}
	for _, video := range b.suite.Mint.Videos {
		for _, kind := range append([]string{"surely_not_known"}, b.platform.Kinds...) {
			token, err := minter.Mint(t.Context(), signer.Request{VideoID: video, Kinds: []string{kind}})
			if errors.Is(err, signer.ErrNotEnforceable) {
				continue
			}
			if err != nil || len(token.Kinds) != 1 || token.Kinds[kind] == "" || holdsCanary(token.Kinds[kind]) {
				t.Errorf("%s, kind %s: got %+v, %v, want a token of that kind without the credential, or ErrNotEnforceable", video, kind, token.Kinds, err)
			}
			made[kind] = true
		}
		token, err := minter.Mint(t.Context(), signer.Request{VideoID: video})
		if err != nil || len(token.Kinds) != 0 {
			t.Errorf("%s: got the kinds %v, %v, want none, as none was asked for", video, token.Kinds, err)
		}
	}
	for _, kind := range b.platform.Kinds {
		if !made[kind] {
			t.Errorf("no video has a token of the kind %s, which is announced", kind)
		}
	}
	if made["surely_not_known"] {
		t.Error("a token of an unknown kind was made, want ErrNotEnforceable")
	}
}

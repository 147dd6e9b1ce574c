package platformtest

import (
	"slices"
	"testing"

	"playtoken/platforms"
)

// testOffer compares what a kind says about its accounts with an opened one.
func testOffer(t *testing.T, b *bench) {
	offer := b.suite.Kind.Offers
	for _, trouble := range wrongOffer(offer, b.platform.Capabilities(), b.suite.Partial) {
		t.Errorf("%s offers %+v: %s", b.suite.Kind.Name, offer, trouble)
	}
	if (b.platform.Shape != nil || b.platform.Form != nil) && len(offer.KeyKinds) == 0 {
		t.Errorf("%s signs with keys of ours and offers no kind of key", b.suite.Kind.Name)
	}
	if fixed := b.suite.Mint.Fixed; fixed != 0 && offer.MaxTTL != fixed {
		t.Errorf("%s offers tokens of %s, want the %s that all of them live", b.suite.Kind.Name, offer.MaxTTL, fixed)
	}
}

// wrongOffer lists what is wrong with an offer, by what an account can do. Partial:
// the account does less than the kind offers.
func wrongOffer(offer platforms.Offer, can platforms.Capabilities, partial bool) (wrong []string) {
	most := offer.Capabilities()
	for name, has := range map[string][2]bool{
		"mints": {can.Mints, most.Mints}, "registers": {can.Registers, most.Registers},
		"issues": {can.Issues, most.Issues}, "ends sessions": {can.EndsSessions, most.EndsSessions},
	} {
		if has[0] != has[1] && (has[0] || !partial) {
			wrong = append(wrong, name+": an account and its kind differ")
		}
	}
	for name, has := range map[string][2][]string{"URLs": {can.URLs, most.URLs}, "kinds of tokens": {can.Kinds, most.Kinds}} {
		if !covers(has[1], has[0]) || !partial && !covers(has[0], has[1]) {
			wrong = append(wrong, name+": an account and its kind differ")
		}
	}
	if len(offer.Ways) == 0 || !covers(platforms.Ways(), offer.Ways) {
		wrong = append(wrong, "want one of the known ways, or several")
	}
	if offer.MaxKeys < 0 || offer.MaxTTL < 0 {
		wrong = append(wrong, "a limit is below zero")
	}
	return wrong
}

// covers reports whether all holds each of some.
func covers[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(one T) bool { return !slices.Contains(all, one) })
}

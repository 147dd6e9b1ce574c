package rsakey_test

import (
	"slices"
	"testing"

	"playtoken/signer/rsakey"
	"playtoken/signer/rsakey/eight"
)

// What docs/signing.md says.
func TestAsManyAreSignedForAtOnceAsCostEachTheLeast(t *testing.T) {
	for name, c := range map[string]struct {
		cost func(int) float64
		want map[string][]int // by the library, for 1 caller who waits, 2, …
	}{
		"AVX-512 IFMA": {eight.WideCost, map[string][]int{"crypto/rsa": {1, 2, 3, 4, 4, 4, 4, 8, 8}, "OpenSSL": {1, 2, 3, 4, 4, 4, 4, 8, 8}}},
		"AVX2":         {eight.NarrowCost, map[string][]int{"crypto/rsa": {1, 2, 2, 4, 4, 4, 4, 8, 8}, "OpenSSL": {1, 1, 1, 1, 1, 1, 1, 1, 1}}},
	} {
		var got []int
		for waiting := range 9 {
			got = append(got, rsakey.Cheapest(costs(c.cost), waiting+1))
		}
		if want := c.want[rsakey.Library]; !slices.Equal(got, want) {
			t.Errorf("%s, %s: callers taken of 1, 2, … who wait: got %v, want %v", rsakey.Library, name, got, want)
		}
	}
	for name, c := range map[string]struct {
		cost func(int) float64
		want map[string]bool
	}{
		"AVX-512 IFMA": {eight.WideCost, map[string]bool{"crypto/rsa": true, "OpenSSL": false}},
		"AVX2":         {eight.NarrowCost, map[string]bool{"crypto/rsa": false, "OpenSSL": false}},
	} {
		if got, want := rsakey.Pays(costs(c.cost), 1), c.want[rsakey.Library]; got != want {
			t.Errorf("%s, %s: a batch for one caller: got %t, want %t", rsakey.Library, name, got, want)
		}
	}
}

// costs is an engine of which only the cost is asked.
type costs func(int) float64

func (c costs) Cost(signatures int) float64 { return c(signatures) }
func (c costs) Sign([]*eight.Request)       { panic("not asked for") }

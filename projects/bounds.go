package projects

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Bounds narrow what a credential may be used for. The zero Bounds narrow nothing.
type Bounds struct {
	ExpiresAt *time.Time `json:"expires_at"` // null: never
	Videos    []string   `json:"videos"`     // ids, or beginnings of ids with a * at the end; empty: every video
	Networks  []string   `json:"networks"`   // of the addresses it may be used from (CIDR); empty: every address
}

// Within returns nil if the caller may use its credential at all at this time, from
// this address. The error is ErrForbidden.
func (c Caller) Within(now time.Time, from netip.Addr) error {
	switch end := c.Bounds.ExpiresAt; {
	case end != nil && !now.Before(*end):
		return fmt.Errorf("%w: it expired at %s (expires_at)", ErrForbidden, end.UTC().Format(time.RFC3339))
	case !c.Bounds.reachedFrom(from):
		return fmt.Errorf("%w: it may be used from %s only (networks)", ErrForbidden, strings.Join(c.Bounds.Networks, ", "))
	}
	return nil
}

// MayVideo returns nil if the caller's credential is for this video. The error is
// ErrForbidden.
func (c Caller) MayVideo(id string) error {
	if len(c.Bounds.Videos) == 0 || slices.ContainsFunc(c.Bounds.Videos, func(bound string) bool {
		beginning, many := strings.CutSuffix(bound, "*")
		return id == bound && !many || many && strings.HasPrefix(id, beginning)
	}) {
		return nil
	}
	return fmt.Errorf("%w: it is not for this video (videos)", ErrForbidden)
}

// reachedFrom is false for an address that is not known, if there is a bound.
func (b Bounds) reachedFrom(from netip.Addr) bool {
	return len(b.Networks) == 0 || slices.ContainsFunc(b.Networks, func(text string) bool {
		network, err := netip.ParsePrefix(text)
		return err == nil && network.Contains(from.Unmap().WithZone(""))
	})
}

const (
	maxBounds = 50 // of one kind
	maxBound  = 200
)

// bounds refuses videos and networks that no request could be within, or that bound nothing.
func (f *findings) bounds(b Bounds) {
	f.refuse(len(b.Videos) > maxBounds, "videos", "must be at most %d", maxBounds)
	for _, video := range b.Videos {
		stem := strings.TrimSuffix(video, "*")
		f.refuse(stem == "", "videos", "has an entry that is empty or only *: leave videos out for every video")
		f.refuse(len(video) > maxBound || strings.Contains(stem, "*"), "videos",
			"has an entry that is not a video's id, or the beginning of one and then *; at most %d bytes", maxBound)
	}
	f.refuse(len(b.Networks) > maxBounds, "networks", "must be at most %d", maxBounds)
	for _, text := range b.Networks {
		network, err := netip.ParsePrefix(text)
		f.refuse(err != nil || network.Addr().Is4In6(), "networks", "has an entry that is not a network: write it as 192.0.2.0/24, 192.0.2.7/32 or 2001:db8::/32")
		f.refuse(err == nil && network != network.Masked(), "networks", "has an entry with an address inside a network: write %s", network.Masked())
	}
}

// end refuses an end that is not after now.
func (f *findings) end(at *time.Time, now time.Time) {
	f.refuse(at != nil && !at.After(now), "expires_at", "must be in the future")
}

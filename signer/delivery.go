package signer

// Place is the part of a request in which a platform reads a token.
type Place string

// The places.
const (
	InQuery  Place = "query"
	InPath   Place = "path"
	InCookie Place = "cookie"
	InHeader Place = "header"
)

// Renewal is how what already plays gets the newest token.
type Renewal string

// The ways to renew.
const (
	// RenewByRequest: every request of a player carries the newest token.
	RenewByRequest Renewal = "request"
	// RenewByURL: the player loads the newest URL in place of the one that it
	// plays.
	RenewByURL Renewal = "url"
	// RenewNever: what the token opened goes on without it.
	RenewNever Renewal = "none"
)

// Delivery is what a player does with a token at URLs.HLS and URLs.MP4, so that
// front ends need to know no platform. Pages are opened by their URLs.
type Delivery struct {
	Place Place `json:"place"`
	// Name is that of the query parameter, the cookie or the header; of a place
	// in a path the segment before it. It is empty in a path without such a
	// segment, where the token is a whole query ("exp=1&sig=ab"), and where it is
	// several cookies, as in the header Cookie ("a=1; b=2").
	Name  string  `json:"name"`
	Renew Renewal `json:"renew"`

	// Session: the platform swaps the token for a session of its own. What it
	// opened goes on when the token has expired, until the platform refuses it.
	Session bool `json:"session,omitzero"`
	// Carry names query parameters of the URL that is played which the requests
	// below it should carry too.
	Carry []string `json:"carry,omitempty"`
}

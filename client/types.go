package client

import (
	"encoding/json"
	"time"
)

// TokenRequest asks for a playback token. Everything but VideoID may be left out.
type TokenRequest struct {
	VideoID   string         `json:"video_id"`
	ExpiresIn int64          `json:"expires_in,omitempty"` // seconds
	Viewer    *Viewer        `json:"viewer,omitempty"`     // where the platform can bind a token to one
	Claims    map[string]any `json:"claims,omitempty"`     // those that the project allows
	Kinds     []string       `json:"kinds,omitempty"`      // of further tokens, where the platform has some
	ProjectID string         `json:"project_id,omitempty"`
}

// Viewer is the viewer that a token is for.
type Viewer struct {
	ID string `json:"id,omitempty"`
	IP string `json:"ip,omitempty"`
}

// Token is a playback token with what a player needs. A back end passes it on to
// its page as it is: encoding it gives the service's own members.
type Token struct {
	Token     string            `json:"token"`
	VideoID   string            `json:"video_id"`
	KeyID     *string           `json:"key_id"`
	IssuedAt  time.Time         `json:"issued_at"`
	ExpiresAt time.Time         `json:"expires_at"`
	ExpiresIn int64             `json:"expires_in"` // seconds
	RefreshAt time.Time         `json:"refresh_at"`
	URLs      map[string]string `json:"urls"` // "hls", "embed", …: those that the platform has
	Delivery  Delivery          `json:"delivery"`
	Tokens    map[string]string `json:"tokens,omitempty"` // by kind
}

// Delivery is how a player brings the token to the platform; see docs/callers.md.
type Delivery struct {
	Place   string   `json:"place"`
	Name    string   `json:"name"`
	Renew   string   `json:"renew"`
	Session bool     `json:"session,omitempty"`
	Carry   []string `json:"carry,omitempty"`
}

// Item is the answer to one request of a batch.
type Item struct {
	Token Token
	Err   *Error // nil: there is a token
}

// UnmarshalJSON implements [json.Unmarshaler].
func (i *Item) UnmarshalJSON(data []byte) error {
	var refused struct{ Error *problem }
	if err := json.Unmarshal(data, &refused); err != nil {
		return err
	}
	if refused.Error != nil {
		i.Err = refused.Error.error("a request of a batch")
		return nil
	}
	return json.Unmarshal(data, &i.Token)
}

// InspectRequest asks about a token.
type InspectRequest struct {
	Token     string     `json:"token"`
	VideoID   string     `json:"video_id,omitempty"`
	At        *time.Time `json:"at,omitempty"` // nil: now
	ProjectID string     `json:"project_id,omitempty"`
}

// Inspection is what the platform would make of a token.
type Inspection struct {
	Valid   bool           `json:"valid"`
	Reasons []string       `json:"reasons"`
	Detail  string         `json:"detail"`
	Header  map[string]any `json:"header"`
	Claims  map[string]any `json:"claims"`
	Advice  []Advice       `json:"advice"` // on mistakes of who made the token, or copied it
}

// Advice is a mistake: a code for programs, and a sentence that says what to change.
type Advice struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// AccessTokens are what an API key is exchanged for.
type AccessTokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"` // works once
	ExpiresIn    int64  `json:"expires_in"`    // seconds
}

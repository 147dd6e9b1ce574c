// Package gate speaks to our own gate, the self-hosted platform of this
// program.
//
// The decision a newcomer would get wrong: a gate has Vidbeo's key API, and yet
// is no Vidbeo. What its viewers opened outlives their tokens and keys, so a key
// that was stolen is not dealt with before its sessions have ended, and the
// gate can end them. Its tokens name the viewer, so that it can tell one
// viewer's sessions from those of others.
package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/platforms/jwtkeys"
	"playtoken/signer"
)

// viewerClaim has the viewer's name.
const viewerClaim = "viewer"

// Platform is one account at a gate. It is safe for concurrent use.
type Platform struct {
	project string // whose viewers are named
	keys    *jwtkeys.API
	urls    jwtkeys.URLs

	delivery signer.Delivery
}

var (
	_ keyrotation.SessionEnder = (*Platform)(nil)
	_ signer.Shape             = (*Platform)(nil)
)

// New checks the account. It makes no call.
func New(account platforms.Account) (*Platform, error) {
	set := account.Settings
	site, err := siteOf(set["url"])
	if err != nil {
		return nil, fmt.Errorf("gate: url: %w", err)
	}
	keys, err := jwtkeys.New(jwtkeys.Config{
		URL: apiOf(cmp.Or(set["api_url"], site)), Credential: account.Credential["api_key"],
		Timeout: account.Timeout, Transport: account.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	urls := jwtkeys.URLs{
		Landing: cmp.Or(set["landing_url"], site+"/{video_id}?jwt={token}"),
		Embed:   cmp.Or(set["embed_url"], site+"/embed/{video_id}?jwt={token}"),
		HLS:     cmp.Or(set["hls_url"], site+"/{video_id}/hls.m3u8?jwt={token}"),
		DASH:    set["dash_url"],
	}
	if err := urls.Check(); err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	delivery := urls.Delivery()
	delivery.Session = true // the gate's own, whose ticket is in the URLs that its playlists name
	return &Platform{project: account.Project, keys: keys, urls: urls, delivery: delivery}, nil
}

// siteOf is how viewers reach the gate, without a slash at the end.
func siteOf(text string) (string, error) {
	if text == "" {
		return "", errors.New("missing: say how viewers reach the gate, as in https://videos.example.com")
	}
	base, err := client.ParseBase(text)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(base.Path, "/v2") {
		return "", errors.New("leave /v2 out: it is how viewers reach the gate, and the key API is found below it")
	}
	return base.String(), nil
}

// apiOf is where the key API is, by the gate's own address or by the API's.
func apiOf(base string) string {
	return strings.TrimSuffix(strings.TrimRight(base, "/"), "/v2") + "/v2"
}

// Claims implements [signer.Shape]: a token that is for one viewer names them.
func (p *Platform) Claims(req signer.Request, _, expires time.Time) (map[string]any, error) {
	claims, err := jwtkeys.Claims(req, expires)
	if err != nil {
		return nil, err
	}
	if req.Viewer.IP != "" {
		return nil, fmt.Errorf("%w: the gate does not compare addresses", signer.ErrNotEnforceable)
	}
	for name := range req.Claims {
		if jwtkeys.Named(name, viewerClaim) {
			return nil, fmt.Errorf("%w: %s", signer.ErrClaim, name)
		}
	}
	if req.Viewer.ID != "" {
		claims[viewerClaim] = p.ViewerName(req.Viewer.ID)
	}
	return claims, nil
}

// kinds are the addresses that the account has, by their names in an answer.
func (p *Platform) kinds() []string {
	kinds := []string{"landing", "embed", "hls"}
	if p.urls.DASH != "" {
		kinds = append(kinds, "dash")
	}
	return kinds
}

// URLs implements [signer.Shape].
func (p *Platform) URLs(videoID, token string) signer.URLs { return p.urls.Of(videoID, token) }

// Delivery implements [signer.Shape].
func (p *Platform) Delivery() signer.Delivery { return p.delivery }

// ViewerName implements [keyrotation.SessionEnder]. Neither tokens nor the gate
// hold the id itself, which may be a name or an e-mail address.
func (p *Platform) ViewerName(id string) string {
	sum := sha256.Sum256([]byte(p.project + "\x00" + id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// DeleteAndEnd implements [keyrotation.SessionEnder]. Of a key that is already
// gone the gate ends the sessions too, and answers that there is no such key;
// that something else on the way has no such path proves nothing.
func (p *Platform) DeleteAndEnd(ctx context.Context, keyID string) error {
	path, err := jwtkeys.KeyPath(keyID)
	if err != nil {
		return fmt.Errorf("delete key: %w", err)
	}
	var header http.Header
	err = p.keys.Call(ctx, client.Call{
		Method: http.MethodDelete, Path: path, Query: url.Values{"end_sessions": {"true"}}, Header: &header,
	}, nil)
	if err != nil && !(jwtkeys.IsNotFound(err) && header.Get(jwtkeys.GateHeader) != "") {
		return fmt.Errorf("delete key and end its sessions: %w", err)
	}
	return nil
}

// cutOff is what the gate is asked to end. Exactly one of the first four is
// set.
type cutOff struct {
	Viewer  string `json:"viewer,omitempty"`
	VideoID string `json:"video_id,omitempty"`
	KeyID   string `json:"key_id,omitempty"`
	All     bool   `json:"all,omitzero"`
	Reason  string `json:"reason,omitempty"`
}

// EndSessions implements [keyrotation.SessionEnder].
func (p *Platform) EndSessions(ctx context.Context, which keyrotation.Sessions, reason string) error {
	var done struct {
		EndedBefore time.Time `json:"ended_before"`
	}
	err := p.keys.Call(ctx, client.Call{
		Method: http.MethodPost, Path: "/sessions/end",
		Body: cutOff{Viewer: which.Viewer, VideoID: which.VideoID, KeyID: which.KeyID, All: which.All, Reason: reason},
	}, &done)
	if err == nil && done.EndedBefore.IsZero() {
		err = errors.New("the answer does not say which sessions have ended")
	}
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"playtoken/keyrotation"
	"playtoken/signer"
)

// The shapes of results. They are those of the HTTP API, so that a script can
// be moved from one to the other.

type keyView struct {
	Generation      int               `json:"generation"`
	State           keyrotation.State `json:"state"`
	KeyID           string            `json:"key_id"`
	Name            string            `json:"name"`
	Fingerprint     string            `json:"fingerprint"`
	Bits            int               `json:"bits"`
	Exportable      bool              `json:"exportable"`
	CreatedAt       *time.Time        `json:"created_at"`
	RegisteredAt    *time.Time        `json:"registered_at"`
	ActivatedAt     *time.Time        `json:"activated_at"`
	RetiredAt       *time.Time        `json:"retired_at"`
	DeleteNotBefore *time.Time        `json:"delete_not_before"`
	DeletedAt       *time.Time        `json:"deleted_at"`
	PublicKey       string            `json:"public_key,omitempty"`
	Note            string            `json:"note,omitempty"`
}

func viewKey(k keyrotation.Key) keyView {
	return keyView{
		Generation: k.Generation, State: k.State, KeyID: k.KeyID, Name: k.Name, Fingerprint: k.Fingerprint,
		Bits: k.Bits, Exportable: k.Exportable, Note: k.Note,
		CreatedAt: optional(k.CreatedAt), RegisteredAt: optional(k.RegisteredAt), ActivatedAt: optional(k.ActivatedAt),
		RetiredAt: optional(k.RetiredAt), DeleteNotBefore: optional(k.DeleteNotBefore), DeletedAt: optional(k.DeletedAt),
	}
}

type keysView struct {
	Items []keyView `json:"items"` // newest first
}

func viewKeys(ring keyrotation.Ring) keysView {
	v := keysView{Items: []keyView{}}
	for _, k := range slices.Backward(ring.Keys) {
		v.Items = append(v.Items, viewKey(k))
	}
	return v
}

func (v keysView) table(w io.Writer) {
	fmt.Fprintln(w, "GENERATION\tSTATE\tKEY ID\tACTIVATED\tRETIRED\tDELETE NOT BEFORE\tNOTE")
	for _, k := range v.Items {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", k.Generation, k.State, orDash(k.KeyID),
			moment(value(k.ActivatedAt)), moment(value(k.RetiredAt)), moment(value(k.DeleteNotBefore)), k.Note)
	}
}

func (v keyView) table(w io.Writer) {
	for _, row := range [][2]string{
		{"generation", fmt.Sprint(v.Generation)}, {"state", string(v.State)}, {"key id", orDash(v.KeyID)}, {"name", v.Name},
		{"fingerprint", orDash(v.Fingerprint)}, {"bits", fmt.Sprint(v.Bits)},
		{"created", moment(value(v.CreatedAt))}, {"registered", moment(value(v.RegisteredAt))},
		{"activated", moment(value(v.ActivatedAt))}, {"retired", moment(value(v.RetiredAt))},
		{"delete not before", moment(value(v.DeleteNotBefore))}, {"deleted", moment(value(v.DeletedAt))}, {"note", orDash(v.Note)},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	fmt.Fprint(w, v.PublicKey)
}

func value(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type resultView struct {
	ProjectID    string             `json:"project_id,omitempty"`
	Changed      bool               `json:"changed"`
	Actions      []keyrotation.Done `json:"actions"`
	NextActionAt *time.Time         `json:"next_action_at"`
	Reason       string             `json:"reason"`
}

func viewResult(project string, r keyrotation.Result) resultView {
	if r.Actions == nil {
		r.Actions = []keyrotation.Done{}
	}
	return resultView{ProjectID: project, Changed: r.Changed, Actions: r.Actions, NextActionAt: optional(r.NextActionAt), Reason: r.Reason}
}

func (v resultView) table(w io.Writer) {
	for _, done := range v.Actions {
		fmt.Fprintf(w, "%s\tgeneration %d\t%s\n", done.Action, done.Generation, done.KeyID)
	}
	if !v.Changed {
		fmt.Fprintf(w, "nothing changed: %s\n", v.Reason)
	} else if v.Reason != "" {
		fmt.Fprintln(w, v.Reason)
	}
	fmt.Fprintf(w, "next action: %s\n", moment(value(v.NextActionAt)))
}

type tokenView struct {
	Token     string      `json:"token"`
	VideoID   string      `json:"video_id"`
	KeyID     string      `json:"key_id"`
	IssuedAt  time.Time   `json:"issued_at"`
	ExpiresAt time.Time   `json:"expires_at"`
	ExpiresIn int         `json:"expires_in"` // seconds
	RefreshAt time.Time   `json:"refresh_at"`
	URLs      signer.URLs `json:"urls"`
}

func viewToken(t signer.Token) tokenView {
	return tokenView{
		Token: t.Value, VideoID: t.VideoID, KeyID: t.KeyID, IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt,
		ExpiresIn: int(t.ExpiresAt.Sub(t.IssuedAt) / time.Second), RefreshAt: t.RefreshAt, URLs: t.URLs,
	}
}

func (v tokenView) table(w io.Writer) {
	for _, row := range [][2]string{
		{"token", v.Token}, {"key id", v.KeyID}, {"expires", moment(v.ExpiresAt)},
		{"landing", v.URLs.Landing}, {"embed", v.URLs.Embed}, {"hls", v.URLs.HLS},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"playtoken/handlers"
)

// Results are the HTTP API's answers, and tables of them for people.

type keyListView handlers.KeyList

func (v keyListView) table(w io.Writer) {
	if len(v.Items) == 0 {
		fmt.Fprintln(w, "no signing keys yet: playtoken rotate makes them")
		return
	}
	fmt.Fprintln(w, "GENERATION\tSTATE\tKIND\tKEY ID\tACTIVATED\tRETIRED\tDELETE NOT BEFORE\tNOTE")
	for _, k := range v.Items {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.Generation, k.State, cmp.Or(k.Kind, "-"), orDash(k.KeyID),
			momentOrDash(k.ActivatedAt), momentOrDash(k.RetiredAt), momentOrDash(k.DeleteNotBefore), orDash(k.Note))
	}
}

type keyView handlers.KeyDetail

func (v keyView) table(w io.Writer) {
	for _, row := range [][2]string{
		{"generation", fmt.Sprint(v.Generation)}, {"state", string(v.State)}, {"key id", orDash(v.KeyID)}, {"name", v.Name},
		{"fingerprint", orDash(v.Fingerprint)}, {"kind", string(cmp.Or(v.Kind, "-"))}, {"bits", fmt.Sprint(v.Bits)}, {"exportable", fmt.Sprint(v.Exportable)},
		{"created", momentOrDash(v.CreatedAt)}, {"registered", momentOrDash(v.RegisteredAt)},
		{"activated", momentOrDash(v.ActivatedAt)}, {"retired", momentOrDash(v.RetiredAt)},
		{"delete not before", momentOrDash(v.DeleteNotBefore)}, {"deleted", momentOrDash(v.DeletedAt)}, {"note", orDash(v.Note)},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	if v.PublicKey != nil {
		fmt.Fprint(w, *v.PublicKey)
	}
}

type rotatedView struct {
	ProjectID string `json:"project_id"`
	handlers.Rotated
}

func (v rotatedView) table(w io.Writer) {
	for _, done := range v.Actions {
		fmt.Fprintf(w, "%s\tgeneration %s\t%s\n", done.Action, numberOrDash(done.Generation), orDash(done.KeyID))
	}
	if !v.Changed {
		fmt.Fprintf(w, "nothing changed: %s\n", v.Reason)
	} else if v.Reason != "" {
		fmt.Fprintln(w, v.Reason)
	}
	fmt.Fprintf(w, "next action: %s\n", momentOrDash(v.NextActionAt))
	tableFindings(w, v.Findings)
}

func tableFindings(w io.Writer, found []handlers.RotationFinding) {
	for _, f := range found {
		fmt.Fprintf(w, "%s since %s: %s\n", f.Severity, moment(f.Since), sayFinding(f))
	}
}

type statusView struct {
	ProjectID string `json:"project_id"`
	handlers.RotationStatus
}

func (v statusView) table(w io.Writer) {
	defer tableFindings(w, v.Findings)
	if len(v.Plan) == 0 {
		fmt.Fprintln(w, "nothing is planned")
		return
	}
	fmt.Fprintln(w, "MOVE\tGENERATION\tNOT BEFORE\tWHY")
	for _, m := range v.Plan {
		when := "blocked"
		if m.NotBefore != nil {
			when = moment(*m.NotBefore)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.Action, numberOrDash(m.Generation), when, m.Why)
	}
}

type revocationView handlers.Revocation

func (v revocationView) table(w io.Writer) {
	fmt.Fprintf(w, "revoked generation %d; its tokens are refused, for up to %d s\n", v.Revoked, v.TokensLostForSeconds)
	if v.ActiveGeneration != nil {
		fmt.Fprintf(w, "generation %d signs now\n", *v.ActiveGeneration)
	} else {
		fmt.Fprintf(w, "NO KEY SIGNS NOW; earliest: %s\n", momentOrDash(v.EarliestAt))
	}
	if v.Pending != nil {
		fmt.Fprintln(w, *v.Pending)
	}
}

func (v revocationView) unfinished() handlers.Unfinished { return v.Unfinished }

// foreseenView is a revocation that was not made.
type foreseenView handlers.Revocation

func (v foreseenView) table(w io.Writer) {
	fmt.Fprintf(w, "would revoke generation %d: its tokens would be refused, for up to %d s\n", v.Revoked, v.TokensLostForSeconds)
	if v.ActiveGeneration != nil {
		fmt.Fprintf(w, "generation %d would sign\n", *v.ActiveGeneration)
	} else {
		fmt.Fprintf(w, "NO KEY WOULD SIGN; earliest: %s\n", momentOrDash(v.EarliestAt))
	}
}

type tokenView handlers.Token

func (v tokenView) table(w io.Writer) {
	for _, row := range [][2]string{
		{"token", v.Token}, {"key id", orDash(v.KeyID)}, {"expires", momentOrDash(&v.ExpiresAt)},
		{"landing", v.URLs.Landing}, {"embed", v.URLs.Embed}, {"hls", v.URLs.HLS}, {"dash", v.URLs.DASH},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
}

func orDash(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func numberOrDash(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

func momentOrDash(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return moment(*t)
}

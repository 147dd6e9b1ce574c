package console

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"time"

	"playtoken/durations"
)

// keyAct is something that an operator may do with one signing key.
type keyAct struct {
	Name   string // of the page
	Label  string
	states []string // of keys for which it is offered
	waits  string   // for what a key waits for which it is offered; "": for nothing
	does   string   // what happens, with the generation as %d
	route  string   // of the API; "": as the page
	body   map[string]any
}

// keyActTable lists them. What the ring allows, the API decides.
var keyActTable = []keyAct{
	{Name: "activate", Label: "Activate", states: []string{"registered"},
		does: "Generation %d signs from now on. The key that signs now retires, and its tokens stay valid until they expire."},
	{Name: "rollback", Label: "Roll back", states: []string{"retiring"},
		does: "Generation %d signs again. The key that signs now retires, and its tokens stay valid until they expire."},
	{Name: "confirm", Label: "Confirm", states: []string{"registering"},
		does: "You confirm that the platform has the public key of generation %d."},
	{Name: "carried", Label: "I carried it", states: []string{"registering"}, waits: "carrying", route: "confirm",
		does: "You confirm that every verifier has the public key of generation %d. It signs once that has propagated, when its turn comes: tokens that a verifier without it gets are refused then."},
	{Name: "removed", Label: "I took it out", states: []string{"deleting", "abandoning", "revoking"}, waits: "removal",
		route: "confirm", body: map[string]any{"removed": true},
		does: "You confirm that no verifier has the public key of generation %d any more."},
	{Name: "release", Label: "Release", states: []string{"quarantined"},
		does: "The quarantine of generation %d ends, and rotation goes on with it."},
	{Name: "revoke", Label: "Revoke", states: []string{"registered", "active", "retiring", "quarantined"}},
}

// keyActs are the changes of keys.
func keyActs() []act {
	acts := []act{{path: "/projects/{project}/rotate", form: rotateForm, request: rotateRequest, tell: tellRotated}, removeAct()}
	for _, one := range keyActTable {
		a := act{path: "/projects/{project}/keys/{generation}/" + one.Name, form: one.form, tell: tellRotated, request: func(v *visit) (request, error) {
			body := map[string]any{}
			maps.Copy(body, one.body)
			if one.Name == "confirm" && v.typed("key_id") != "" {
				body["key_id"] = v.typed("key_id")
			}
			return request{method: http.MethodPost, path: v.key() + "/" + cmp.Or(one.route, one.Name), body: body}, nil
		}}
		if one.Name == "revoke" {
			a.form, a.tell = revokeForm, tellRevoked
		}
		acts = append(acts, a)
	}
	return acts
}

func (k keyAct) form(v *visit) (form, error) {
	var key signingKey
	if err := v.get(v.key(), &key); err != nil {
		return form{}, err
	}
	f := form{
		Title: fmt.Sprintf("%s generation %d", k.Label, key.Generation), Confirm: k.Label, Back: v.projectPage(),
		Effects: []string{fmt.Sprintf(k.does, key.Generation), "Generation " + fmt.Sprint(key.Generation) + " is " + key.State + " now."},
	}
	if k.Name == "confirm" && key.KeyID == nil {
		f.Fields = []field{{Name: "key_id", Label: "Key id at the platform", Kind: "text"}}
	}
	if k.waits != "" {
		f.Title = fmt.Sprintf("Generation %d: %s", key.Generation, k.Label)
	}
	if k.waits == "carrying" {
		f.Text = key.PublicKey
	}
	return f, nil
}

// revocation is the response to a revocation, and to its dry run.
type revocation struct {
	Revoked          int        `json:"revoked"`
	ActiveGeneration *int       `json:"active_generation"`
	EarliestAt       *time.Time `json:"earliest_at"`
	TokensLost       int        `json:"tokens_lost_for_seconds"`
	Pending          *string    `json:"pending"`
}

func revokeForm(v *visit) (form, error) {
	var foreseen revocation
	if err := v.get(v.key()+"/revoke", &foreseen); err != nil {
		return form{}, err
	}
	f := form{
		Title: fmt.Sprintf("Revoke generation %d", foreseen.Revoked), Confirm: "Revoke", Danger: true, Back: v.projectPage(),
		Effects: []string{"The private key is destroyed, and the platform is told to delete the public key."},
	}
	f.Effects = append(f.Effects, v.console.successor(foreseen))
	if foreseen.TokensLost > 0 {
		f.Loses = fmt.Sprintf("Tokens that were made with it are refused from then on; the last of them would have expired in %s.",
			durations.About(time.Duration(foreseen.TokensLost)*time.Second))
	}
	return f, nil
}

// successor says which key signs after a revocation.
func (c *Console) successor(r revocation) string {
	switch {
	case r.ActiveGeneration != nil && r.TokensLost > 0:
		return fmt.Sprintf("Generation %d takes over at once.", *r.ActiveGeneration)
	case r.ActiveGeneration != nil:
		return fmt.Sprintf("Generation %d signs.", *r.ActiveGeneration)
	case r.EarliestAt != nil:
		return "No key signs afterwards, and no token can be made, until a new one has reached the platform: " + c.fromNow(*r.EarliestAt) + " at the earliest."
	}
	return "No key signs afterwards, and no token can be made, until a new one has reached the platform."
}

func tellRevoked(v *visit, done answer) (result, error) {
	var told revocation
	if err := done.into(&told); err != nil {
		return result{}, err
	}
	r := result{Title: fmt.Sprintf("Generation %d is revoked", told.Revoked), Lines: []string{v.console.successor(told)}, Back: v.projectPage()}
	if told.Pending != nil {
		r.Lines = append(r.Lines, "Not finished yet: "+*told.Pending+".")
	}
	return r, nil
}

func rotateForm(v *visit) (form, error) {
	var planned status
	if err := v.get(v.project()+"/rotation", &planned); err != nil {
		return form{}, err
	}
	f := form{Title: "Rotate the signing keys", Confirm: "Rotate", Back: v.projectPage(), Fields: []field{{
		Name: "mode", Label: "What to do", Kind: "select", Value: v.request.FormValue("mode"),
		Options: []option{{"now", "A new key now: the standby takes over, and another is made"}, {"due", "Only what is due"}, {"replace_lost", "New keys, because the platform lost ours"}},
	}}}
	for _, m := range planned.Plan {
		f.Effects = append(f.Effects, v.console.planned(m))
	}
	return f, nil
}

// planned is a move of the plan as a sentence.
func (c *Console) planned(m move) string {
	line := m.Action
	if m.Generation != nil {
		line += fmt.Sprintf(" generation %d", *m.Generation)
	}
	if m.NotBefore != nil {
		line += ", " + c.fromNow(*m.NotBefore) + " at the earliest"
	}
	return line + ": " + m.Why
}

func rotateRequest(v *visit) (request, error) {
	return request{method: http.MethodPost, path: v.project() + "/rotation",
		body: map[string]any{"mode": v.typed("mode")}}, nil
}

// rotated is the response to a change of keys.
type rotated struct {
	Changed      bool       `json:"changed"`
	Refused      bool       `json:"refused"`
	Reason       string     `json:"reason"`
	NextActionAt *time.Time `json:"next_action_at"`
	Actions      []struct {
		Action     string `json:"action"`
		Generation *int   `json:"generation"`
	} `json:"actions"`
}

func tellRotated(v *visit, done answer) (result, error) {
	var told rotated
	if err := done.into(&told); err != nil {
		return result{}, err
	}
	r := result{Title: "Done", Back: v.projectPage()}
	switch {
	case told.Refused:
		r.Title = "Not yet"
	case !told.Changed:
		r.Title = "Nothing changed"
	}
	for _, one := range told.Actions {
		line := one.Action
		if one.Generation != nil {
			line += fmt.Sprintf(" generation %d", *one.Generation)
		}
		r.Lines = append(r.Lines, line)
	}
	if told.Reason != "" {
		r.Lines = append(r.Lines, told.Reason)
	}
	if told.NextActionAt != nil {
		r.Lines = append(r.Lines, "The next move is due "+v.console.fromNow(*told.NextActionAt)+".")
	}
	return r, nil
}

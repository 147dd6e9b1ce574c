package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"

	"playtoken/handlers"
	"playtoken/keyrotation"
)

// exportedView is a key that is to be taken to a verifier: PEM, or all about it.
type exportedView handlers.KeyDetail

func (v exportedView) table(w io.Writer) { fmt.Fprint(w, *v.PublicKey) }

// inUse are the states of keys that verifiers need, now or later.
var inUse = []keyrotation.State{keyrotation.Registering, keyrotation.Registered, keyrotation.Active, keyrotation.Retiring}

// unfit says why a key must not be taken to a verifier.
func (v exportedView) unfit() error {
	if v.PublicKey != nil && slices.Contains(inUse, v.State) {
		return nil
	}
	return &apiProblem{Status: http.StatusConflict, Code: "conflict", Detail: fmt.Sprintf("generation %d is %s: no verifier needs it", v.Generation, v.State)}
}

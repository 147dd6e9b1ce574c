package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"playtoken/secret"
)

const canary = "canary-3f9c1e77"

func TestNothingPrintsIt(t *testing.T) {
	v := secret.New(canary)
	in := struct {
		V secret.Value
		P *secret.Value
		M map[string]secret.Value
	}{v, &v, map[string]secret.Value{"k": v}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, "in", in)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v, "in", in)
	js, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := log.String() + string(js)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		out += fmt.Sprintf(verb, v) + fmt.Sprintf(verb, in) + fmt.Sprintf(verb, &in)
	}
	if strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
		t.Errorf("got the secret printed, want it redacted:\n%s", out)
	}
	if !strings.Contains(string(js), "[redacted]") {
		t.Errorf("want a visible mark in %s", js)
	}
}

func TestEqual(t *testing.T) {
	v := secret.New(canary)
	var none secret.Value
	for _, c := range []struct {
		v    secret.Value
		text string
		want bool
	}{
		{v, canary, true}, {v, canary + "x", false}, {v, canary[1:], false}, {v, "", false},
		{none, "", false}, {none, "x", false},
	} {
		if got := c.v.Equal(c.text); got != c.want {
			t.Errorf("Equal(%q) = %v, want %v", c.text, got, c.want)
		}
	}
	if v.Reveal() != canary || v.IsZero() || !none.IsZero() {
		t.Error("want Reveal to return the text, and IsZero only for the zero Value")
	}
}

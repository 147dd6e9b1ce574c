package main

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// tabled is a result that people can be shown.
type tabled interface{ table(io.Writer) }

// print writes a result: as JSON if that was asked for, else as table writes
// it, whose tabs become columns.
func (a *app) print(result any, table func(w io.Writer)) error {
	if a.output == "json" {
		return a.printJSON(result)
	}
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	table(columns)
	if err := columns.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err := a.stdout.Write(text.Bytes())
	return err
}

func (a *app) printJSON(result any) error {
	data, err := json.Marshal(result, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = a.stdout.Write(append(data, '\n'))
	return err
}

// moment shows a time to people.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// optional is a time that JSON leaves out, or shows as null, while it has not
// come.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

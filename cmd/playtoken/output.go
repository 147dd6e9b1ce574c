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

// tabled is a result: its JSON is for programs, its table, whose tabs become
// columns, for people.
type tabled interface{ table(io.Writer) }

func (a *app) print(result tabled) error {
	if a.output == "json" {
		return a.printJSON(result)
	}
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	result.table(columns)
	if err := columns.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err := a.lines.WriteTo(a.stdout, text.Bytes())
	return err
}

func (a *app) printJSON(result any) error {
	data, err := json.Marshal(result, json.Deterministic(true), json.FormatNilMapAsNull(true), jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = a.lines.WriteTo(a.stdout, append(data, '\n'))
	return err
}

// moment shows a time to people.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table is a part of the report.
type table struct {
	heading []string
	rows    [][]string
	note    string // below it
}

// text writes the table for a terminal.
func (t table) text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\t\n", strings.Join(t.heading, "\t"))
	for _, row := range t.rows {
		fmt.Fprintf(w, "%s\t\n", strings.Join(row, "\t"))
	}
	if t.note != "" {
		fmt.Fprintln(w, t.note)
	}
	return w.Flush()
}

// markdown writes the table for a page.
func (t table) markdown(out io.Writer) error {
	rows := append([][]string{t.heading, {strings.Repeat("---|", len(t.heading)-1) + "---"}}, t.rows...)
	for _, row := range rows {
		if _, err := fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | ")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "\n%s\n\n", t.note)
	return err
}

// unknown stands for a value that was not measured.
const unknown = "–"

// cell is a value of a table.
func cell(value spread, known bool, form string) string {
	if !known || value.high == 0 {
		return unknown
	}
	return value.in(form)
}

// row adds a row, unless none of its values is known.
func (t *table) row(name string, cells ...string) {
	for _, c := range cells {
		if c != unknown {
			t.rows = append(t.rows, append([]string{name}, cells...))
			return
		}
	}
}

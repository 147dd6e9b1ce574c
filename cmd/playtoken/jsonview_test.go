package main

import (
	"bytes"
	"testing"
	"text/tabwriter"

	"github.com/go-json-experiment/json/jsontext"
)

// TestListsHaveAHeader and say when they have no items.
func TestListsHaveAHeader(t *testing.T) {
	for response, want := range map[string]string{
		`{"items":[]}`: "none\n",
		`{"items":[{"project_id":"a","name":"sport","platform":"gate","created_at":null}]}`:                                 "PROJECT ID  NAME   PLATFORM  CREATED AT  \na           sport  gate      -           \n",
		`{"items":[{"admin_key_id":"admin","name":"x","role":"admin"}],"links":[{"rel":"next","href":"/v1/x?cursor=abc"}]}`: "ADMIN KEY ID  NAME  ROLE   \nadmin         x     admin  \n\nmore: --cursor abc\n",
	} {
		var text bytes.Buffer
		columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		jsonView{jsontext.Value(response)}.table(columns)
		columns.Flush()
		if text.String() != want {
			t.Errorf("table of %s:\n%q\nwant\n%q", response, &text, want)
		}
	}
}

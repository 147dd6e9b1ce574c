package main

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonView prints a response as it is. Its table has one row for each item of a
// list, and else one line for each member.
type jsonView struct{ jsontext.Value }

func (v jsonView) MarshalJSON() ([]byte, error) { return v.Value, nil }

func (v jsonView) table(w io.Writer) {
	var list struct {
		Items []map[string]any `json:"items"`
		Links []struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		} `json:"links"`
		Problem string `json:"problem"`
	}
	if json.Unmarshal(v.Value, &list) != nil || list.Items == nil {
		v.members(w)
		return
	}
	rows(w, list.Items)
	for _, link := range list.Links {
		if _, query, ok := strings.Cut(link.Href, "?"); ok && link.Rel == "next" {
			values, _ := url.ParseQuery(query)
			fmt.Fprintf(w, "\nmore: --cursor %s\n", values.Get("cursor"))
		}
	}
	if list.Problem != "" {
		fmt.Fprintf(w, "\nproblem: %s\n", list.Problem)
	}
}

// columns are the members of a list's items that are shown, in this order.
var columns = []string{
	"time", "actor", "actor_name", "action", "result", "admin_key_id", "approval_id", "project_id", "api_key_id", "name", "role", "act", "subject", "reason", "asked_by", "asked_by_name",
	"platform", "scopes", "created_at", "expires_at", "last_used_at",
}

// rows shows items below a header.
func rows(w io.Writer, items []map[string]any) {
	if len(items) == 0 {
		fmt.Fprintln(w, "none")
		return
	}
	shown := slices.DeleteFunc(slices.Clone(columns), func(column string) bool {
		return !slices.ContainsFunc(items, func(item map[string]any) bool { _, has := item[column]; return has })
	})
	for _, column := range shown {
		fmt.Fprintf(w, "%s\t", strings.ToUpper(strings.ReplaceAll(column, "_", " ")))
	}
	fmt.Fprintln(w)
	for _, item := range items {
		for _, column := range shown {
			fmt.Fprintf(w, "%v\t", cell(column, item[column]))
		}
		fmt.Fprintln(w)
	}
}

// cell shows a member. The last use of a key is stored with a delay of up to a
// minute, so its age is never shown as more exact than that.
func cell(column string, value any) any {
	text, _ := value.(string)
	switch at, err := time.Parse(time.RFC3339, text); {
	case value == nil:
		return "-"
	case column == "last_used_at" && err == nil:
		return fmt.Sprintf("%s (%s)", at.UTC().Format(time.RFC3339), age(time.Since(at)))
	}
	return value
}

// age is how long ago something was, to a minute.
func age(d time.Duration) string {
	switch days := int(d.Hours() / 24); {
	case d < 2*time.Minute:
		return "within two minutes"
	case days > 1:
		return fmt.Sprintf("about %d days ago", days)
	}
	return "about " + strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s") + " ago"
}

func (v jsonView) members(w io.Writer) {
	decoder := jsontext.NewDecoder(bytes.NewReader(v.Value))
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return
		}
		if kind := token.Kind(); kind != '{' && kind != '}' && kind != '[' && kind != ']' && !isName(decoder) {
			fmt.Fprintf(w, "%s\t%s\n", member(decoder.StackPointer()), token)
		}
	}
}

// isName reports whether the token that was just read is a member's name.
func isName(decoder *jsontext.Decoder) bool {
	kind, length := decoder.StackIndex(decoder.StackDepth())
	return kind == '{' && length%2 == 1
}

// member says where a value is: "platform_settings.url", "scopes.0".
func member(pointer jsontext.Pointer) string {
	var names []string
	for name := range pointer.Tokens() {
		names = append(names, name)
	}
	return strings.Join(names, ".")
}

package gate

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

var errPlace = errors.New("a URI that is not below the video's folder")

// rewrite returns a playlist with the ticket added to every URI that it names,
// in lines of their own and in URI attributes. Folder is where the playlist
// stands within the video. A playlist that names anything outside the video's
// folder is refused: its players would take the ticket there.
func rewrite(playlist, folder, ticket string) (string, error) {
	lines := strings.Split(playlist, "\n")
	if strings.TrimSuffix(lines[0], "\r") != "#EXTM3U" {
		return "", errors.New("line 1 is not #EXTM3U")
	}
	add := func(uri string) (string, error) { return withTicket(uri, folder, ticket) }
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		var err error
		switch {
		case strings.ContainsAny(line, "\r\x00"):
			err = errors.New("a control character")
		case strings.HasPrefix(line, "#EXT-X-"):
			lines[i], err = rewriteTag(line, add)
		case line != "" && !strings.HasPrefix(line, "#"):
			lines[i], err = add(line)
		}
		if err != nil {
			return "", fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return strings.Join(lines, "\n"), nil
}

// rewriteTag changes the URI attribute of a tag that has one. Tags with values
// of another form are none of its business.
func rewriteTag(line string, add func(string) (string, error)) (string, error) {
	tag, rest, _ := strings.Cut(line, ":")
	if !strings.Contains(rest, "URI=") {
		return line, nil
	}
	out := tag
	for sep := ":"; rest != ""; sep = "," {
		name, value, quoted, after, err := attribute(rest)
		if err != nil {
			return "", err
		}
		if name == "URI" && !quoted {
			return "", errors.New("a URI attribute without quotes")
		}
		if name == "URI" {
			if value, err = add(value); err != nil {
				return "", err
			}
		}
		if quoted {
			value = `"` + value + `"`
		}
		out, rest = out+sep+name+"="+value, after
	}
	return out, nil
}

// attribute reads the first NAME=value or NAME="value" of an attribute list.
func attribute(list string) (name, value string, quoted bool, after string, err error) {
	name, rest, found := strings.Cut(list, "=")
	name = strings.TrimSpace(name)
	if !found || name == "" || strings.ContainsAny(name, `",`) {
		return "", "", false, "", errors.New("not an attribute list")
	}
	if !strings.HasPrefix(rest, `"`) {
		value, after, _ = strings.Cut(rest, ",")
		return name, value, false, after, nil
	}
	value, after, closed := strings.Cut(rest[1:], `"`)
	if after != "" && !strings.HasPrefix(after, ",") || !closed {
		return "", "", false, "", errors.New("a quoted value that does not end")
	}
	return name, value, true, strings.TrimPrefix(after, ","), nil
}

// withTicket adds the ticket to a relative URI that stays in the video.
func withTicket(uri, folder, ticket string) (string, error) {
	file, query, hasQuery := strings.Cut(uri, "?")
	if !within(file, folder) {
		return "", errPlace
	}
	if !hasQuery {
		return uri + "?ticket=" + ticket, nil
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "ticket" || name == "jwt" || !plain(name) || !plain(value) {
			return "", errors.New("a URI with a query that is not plain, or is ours")
		}
	}
	return uri + "&ticket=" + ticket, nil
}

// within reports whether a player that resolves the reference against a
// playlist in folder stays in the video's own folder.
func within(file, folder string) bool {
	first, _, _ := strings.Cut(file, "/")
	if file == "" || strings.Contains(first, ":") {
		return false // nothing, or a scheme
	}
	for segment := range strings.SplitSeq(file, "/") {
		if segment == "" || !plain(segment) {
			return false // also "/…" and "//host/…"
		}
	}
	where := path.Join(folder, file)
	return where != "." && where != ".." && !strings.HasPrefix(where, "../")
}

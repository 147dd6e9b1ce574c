package playlist

import "strings"

const hexDigits = "0123456789ABCDEF"

// Characters, beside letters and digits, that stand for themselves in a path
// segment and in a query. The colon of a path is escaped: before the first
// slash it would end a scheme. The semicolon divides parameters for some
// readers.
const (
	inPath  = "-._~!$&'()*+,=@"
	inQuery = "-._~!$'()*+,:@/?=&"
)

func letter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }

func alphanumeric(c byte) bool { return letter(c) || '0' <= c && c <= '9' }

// simple reports whether a path is one name that needs neither decoding nor
// encoding, as nearly all are. It is never empty, "." or "..".
func simple(path string) bool {
	for i := range len(path) {
		if c := path[i]; !alphanumeric(c) && c != '_' && c != '-' && (c != '.' || i == 0) {
			return false
		}
	}
	return path != ""
}

// encode writes a file's name as a path segment.
func encode(name string) string {
	if simple(name) {
		return name
	}
	return escaped(name, inPath)
}

func escaped(text, plain string) string {
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		if alphanumeric(c) || strings.IndexByte(plain, c) >= 0 {
			out.WriteByte(c)
		} else {
			out.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return out.String()
}

// escape reports whether the text begins with a percent escape.
func escape(text string) bool {
	return len(text) >= 3 && text[0] == '%' && unhex(text[1]) >= 0 && unhex(text[2]) >= 0
}

// unhex returns the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	if 'a' <= c && c <= 'f' {
		c -= 'a' - 'A'
	}
	return strings.IndexByte(hexDigits, c)
}

// decode replaces percent escapes. A percent sign that begins none is itself:
// packagers write the names of files as they are.
func decode(segment string) string {
	if !strings.Contains(segment, "%") {
		return segment
	}
	var out strings.Builder
	for i := 0; i < len(segment); i++ {
		if escape(segment[i:]) {
			out.WriteByte(byte(unhex(segment[i+1])<<4 | unhex(segment[i+2])))
			i += 2
		} else {
			out.WriteByte(segment[i])
		}
	}
	return out.String()
}

// keptQuery returns the query of a URI with the mark that begins it and, if
// there is a parameter, the one that divides it from the next.
func keptQuery(query string) string {
	if query == "" {
		return "?"
	}
	var out strings.Builder
	out.WriteByte('?')
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if pair == "" || credential(name) {
			continue
		}
		out.WriteString(encodePair(pair))
		out.WriteByte('&')
	}
	return out.String()
}

// encodePair keeps the escapes of a query's parameter.
func encodePair(pair string) string {
	var out strings.Builder
	for len(pair) > 0 {
		n := 1
		if escape(pair) {
			n = 3
			out.WriteString(pair[:n])
		} else {
			out.WriteString(escaped(pair[:n], inQuery))
		}
		pair = pair[n:]
	}
	return out.String()
}

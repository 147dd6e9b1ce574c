package gate

import (
	"net/http"
	"net/url"
	"strings"
)

// toTicketPath sends the player of a DASH manifest to the same manifest with
// the ticket in the path. A DASH manifest is never rewritten: its players
// resolve what it names against the address that they were sent to, so that
// the ticket is in every request for a file of the video and in none for
// another site. In a query the ticket would be lost there.
func toTicketPath(w http.ResponseWriter, r *http.Request, p place, a admission) error {
	target := strings.Repeat("../", strings.Count(p.file, "/")) + "~" + a.ticket + "/" + (&url.URL{Path: p.file}).EscapedPath()
	if query := otherParameters(r.URL.RawQuery); query != "" {
		target += "?" + query
	}
	// A relative reference, because the gate may be mounted below a path that
	// it does not know.
	w.Header().Set("Location", target)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
	return nil
}

// otherParameters returns a query without the viewer's credentials.
func otherParameters(rawQuery string) string {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return ""
	}
	delete(query, "jwt")
	delete(query, "ticket")
	return query.Encode()
}

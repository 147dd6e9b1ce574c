package gate

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"playtoken/gate/register"
	"playtoken/gate/verify"
)

const (
	maxBody      = 64 << 10 // bytes
	defaultLimit = 25
	maxLimit     = 100
	maxName      = 50 // characters
)

var keyForm = regexp.MustCompile(`^[a-z0-9]{21}$`)

// envelope wraps every answer of the key API, refusals too.
type envelope struct {
	Success bool       `json:"success"`
	Result  any        `json:"result"`
	Links   any        `json:"links"` // an object for lists, null otherwise
	Errors  []apiError `json:"errors"`
}

type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func succeeded(result any) envelope {
	return envelope{Success: true, Result: result, Errors: []apiError{}}
}

func answerKey(w http.ResponseWriter, status int, e envelope) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, e) // the caller has gone
}

func refuseKey(w http.ResponseWriter, _ *http.Request, e *refusal) {
	retryLater(w.Header(), e)
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="playtoken gate"`)
	}
	answerKey(w, e.status, envelope{Errors: []apiError{{e.code, e.detail}}})
}

func (g *Gate) listKeys(w http.ResponseWriter, r *http.Request) error {
	limit, after, err := readPage(r.URL.RawQuery)
	if err != nil {
		return err
	}
	page, next, err := g.keys.Page(r.Context(), after, limit)
	if err != nil {
		return err
	}
	links := map[string]string{}
	if next > 0 {
		query := url.Values{"limit": {strconv.Itoa(limit)}, "cursor": {cursor(next)}}
		links["next"] = base(r) + r.URL.Path + "?" + query.Encode()
	}
	answerKey(w, http.StatusOK, envelope{Success: true, Result: page, Links: links, Errors: []apiError{}})
	return nil
}

func readPage(rawQuery string) (limit int, after uint64, err error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil || len(query["limit"]) > 1 || len(query["cursor"]) > 1 {
		return 0, 0, invalid("malformed query string, or a parameter given twice")
	}
	limit = defaultLimit
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxLimit {
			return 0, 0, invalid("limit is not a number from 1 to 100")
		}
	}
	if text := query.Get("cursor"); text != "" {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(b) != 8 || cursor(binary.BigEndian.Uint64(b)) != text {
			return 0, 0, invalid("cursor is not one from a next link of this gate")
		}
		after = binary.BigEndian.Uint64(b)
	}
	return limit, after, nil
}

// cursor names a place in the list; the page begins after it.
func cursor(place uint64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, place))
}

// base is the site as the caller of the key API reaches it, which need not be
// how viewers do. X-Forwarded-Proto is believed from every caller: the answer
// goes to that caller alone.
func base(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (g *Gate) createKey(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name      string `json:"name"`
		PublicKey string `json:"public_key"`
	}
	if err := readBody(w, r, &in, "name and public_key"); err != nil {
		return err
	}
	if err := checkName(in.Name); err != nil {
		return err
	}
	if _, err := verify.ParsePublicKey(in.PublicKey); err != nil {
		return invalid("public_key: " + err.Error())
	}
	var created register.Registration
	err := g.change(w, r, act{action: "gate_key.register", subject: in.Name}, func(ctx context.Context) (_ string, err error) {
		created, err = g.keys.Add(ctx, in.Name, in.PublicKey)
		return created.ID, err
	})
	if err != nil {
		return err
	}
	answerKey(w, http.StatusOK, succeeded(created))
	return nil
}

func checkName(name string) error {
	n := utf8.RuneCountInString(name)
	if n < 1 || n > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return invalid("name is not 1 to 50 characters without control characters")
	}
	return nil
}

func (g *Gate) showKey(w http.ResponseWriter, r *http.Request) error {
	found, err := g.keys.Find(r.Context(), mux.Vars(r)["id"])
	if err != nil {
		return err
	}
	answerKey(w, http.StatusOK, succeeded(found))
	return nil
}

// deleteKey withdraws a key: its tokens open nothing from here on. Sessions
// that were opened with them run on unless end_sessions=true is asked for,
// which works for a key that is already gone as well, though the answer then
// is 404.
func (g *Gate) deleteKey(w http.ResponseWriter, r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	end := query["end_sessions"]
	delete(query, "end_sessions")
	if len(query) > 0 { // a misspelt end_sessions would delete the key and leave its sessions running
		return invalid("unknown parameter: only end_sessions is known here")
	}
	if err != nil || len(end) > 1 || (len(end) == 1 && end[0] != "true" && end[0] != "false") {
		return invalid("end_sessions is not true or false")
	}
	id := mux.Vars(r)["id"]
	if !keyForm.MatchString(id) {
		return errNoKey
	}
	a := act{action: "gate_key.delete", subject: id, urgent: len(end) == 1 && end[0] == "true"}
	a.reason = g.reasonOfDeletion(r.Context(), id, a.urgent)
	err = g.change(w, r, a, func(ctx context.Context) (string, error) {
		_, err := g.keys.Remove(ctx, id, a.urgent)
		return "", err
	})
	if err != nil {
		return err
	}
	answerKey(w, http.StatusOK, succeeded(struct{}{}))
	return nil
}

// reasonOfDeletion says what the record and the log tell about a deletion beside
// the id: the key's name, by which people know it, and whether its sessions end.
func (g *Gate) reasonOfDeletion(ctx context.Context, id string, endSessions bool) string {
	var parts []string
	if held, err := g.keys.Find(ctx, id); err == nil {
		parts = append(parts, fmt.Sprintf("its name is %q", held.Name))
	}
	if endSessions {
		parts = append(parts, "its sessions end too")
	}
	return strings.Join(parts, "; ")
}

var errNoKey = refused(http.StatusNotFound, "not_found", "there is no key with this id")

func invalid(detail string) error {
	return refused(http.StatusBadRequest, "invalid_request", detail)
}

package platformtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"playtoken/keyrotation"
)

const maxLimit = 100

// envelope is around every answer.
type envelope struct {
	Success bool    `json:"success"`
	Result  any     `json:"result"`
	Links   any     `json:"links"`
	Errors  []fault `json:"errors"`
}

type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// jwtKey is a key on the wire.
type jwtKey struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"`
	CreatedBy   string `json:"created_by"`
	CreatedTime string `json:"created_time"`
	UpdatedBy   string `json:"updated_by"`
	UpdatedTime string `json:"updated_time"`
}

// exchange is one request over HTTP.
type exchange struct {
	*Standin
	w     http.ResponseWriter
	r     *http.Request
	fault Fault
}

// Handler is the account over HTTP, below /v2.
func (s *Standin) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*exchange){
		"GET /v2/jwt_keys":         (*exchange).list,
		"POST /v2/jwt_keys":        (*exchange).register,
		"GET /v2/jwt_keys/{id}":    (*exchange).get,
		"DELETE /v2/jwt_keys/{id}": (*exchange).delete,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{Standin: s, w: w, r: r}
			bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if want := s.options.Credential; !want.IsZero() && !want.Equal(bearer) {
				x.refuse(http.StatusUnauthorized, "unauthorized", "unknown API key")
				return
			}
			serve(x)
		})
	}
	return mux
}

func (x *exchange) register() {
	var body struct {
		Name      string `json:"name"`
		PublicKey string `json:"public_key"`
	}
	data, err := io.ReadAll(io.LimitReader(x.r.Body, 64<<10))
	if err != nil || json.Unmarshal(data, &body) != nil {
		x.refuse(http.StatusBadRequest, "invalid_body", "the body is not JSON")
		return
	}
	x.fault = x.begin(Call{Op: OpRegister, Name: body.Name, Fingerprint: keyrotation.Fingerprint(body.PublicKey)})
	if problem := badKey(body.Name, body.PublicKey); problem != "" {
		x.refuse(http.StatusBadRequest, "invalid_key", problem)
		return
	}
	x.one(x.Standin.register(x.fault, body.Name, body.PublicKey))
}

func (x *exchange) get() {
	id := x.r.PathValue("id")
	x.fault = x.begin(Call{Op: OpGet, KeyID: id})
	r, ok := x.Standin.get(x.fault, id)
	if !ok {
		x.refuse(http.StatusNotFound, "not_found", "no such key")
		return
	}
	x.one(r)
}

func (x *exchange) delete() {
	id := x.r.PathValue("id")
	x.fault = x.begin(Call{Op: OpDelete, KeyID: id})
	if !x.Standin.delete(x.fault, id) {
		x.refuse(http.StatusNotFound, "not_found", "no such key")
		return
	}
	x.answer(http.StatusOK, envelope{Success: true, Result: struct{}{}})
}

// one answers with one key.
func (x *exchange) one(r record) {
	if x.fault.Answer == Mistaken {
		r.id, r.public = "another-id", PublicKey(1<<31)
	}
	x.answer(http.StatusOK, envelope{Success: true, Result: wire(r)})
}

func (x *exchange) list() {
	after, page, limit, ok := x.position()
	x.fault = x.begin(Call{Op: OpList, Page: page})
	if !ok {
		x.refuse(http.StatusBadRequest, "invalid_parameter", "limit or cursor")
		return
	}
	x.mu.Lock()
	rows, more := slice(x.view(x.fault.Stale), after, limit)
	x.mu.Unlock()
	if len(rows) > 0 {
		after = rows[len(rows)-1].serial
	}
	keys := []jwtKey{}
	for _, r := range x.fault.show(rows) {
		keys = append(keys, wire(r))
	}
	links := map[string]string{}
	if next := x.next(after, page, limit, more); next != "" {
		links["next"] = next
	}
	x.answer(http.StatusOK, envelope{Success: true, Result: keys, Links: links})
}

// position reads the parameters of a list.
func (x *exchange) position() (after, page, limit int, ok bool) {
	query := x.r.URL.Query()
	limit = x.options.PageSize
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			return 0, 0, 0, false
		}
		limit = n
	}
	text := query.Get("cursor")
	if text == "" {
		return 0, 0, limit, true
	}
	cursor, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, 0, 0, false
	}
	_, err = fmt.Sscanf(string(cursor), "%d %d", &after, &page)
	return after, page, limit, err == nil
}

// slice returns the page of rows that follows a serial number.
func slice(rows []record, after, limit int) (page []record, more bool) {
	for _, r := range rows {
		if r.serial > after {
			page = append(page, r)
		}
	}
	if len(page) > limit {
		return page[:limit], true
	}
	return page, false
}

// next is the link to the next page, or nothing.
func (x *exchange) next(after, page, limit int, more bool) string {
	link := "http://" + x.r.Host + x.r.URL.Path
	switch {
	case x.fault.View == Circular && x.r.URL.RawQuery != "":
		return link + "?" + x.r.URL.RawQuery
	case x.fault.View == Circular, x.fault.View == Unending:
	case x.fault.View == Abroad:
		link = "http://" + SinkHost + x.r.URL.Path
	case x.fault.View == Astray:
		link = "http://" + x.r.Host + "/v2/api_keys"
	case !more:
		return ""
	case x.options.Relative:
		link = ""
	}
	cursor := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d", after, page+1))
	return link + "?" + url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(limit)}}.Encode()
}

func wire(r record) jwtKey {
	created := r.created.UTC().Format("2006-01-02T15:04:05.000Z")
	return jwtKey{
		ID: r.id, Name: r.name, PublicKey: r.public,
		CreatedBy: "abcde12345abcde12345a", CreatedTime: created,
		UpdatedBy: "abcde12345abcde12345a", UpdatedTime: created,
	}
}

// badKey is what an honest platform has to say against a key.
func badKey(name, publicKey string) string {
	if n := utf8.RuneCountInString(name); n < 1 || n > 50 {
		return "name: want 1 to 50 characters"
	}
	if keyrotation.Fingerprint(publicKey) == "" {
		return "public_key: want an RSA public key in PEM"
	}
	return ""
}

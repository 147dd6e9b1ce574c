// Package vidbeotest is a stand-in for Vidbeo, made from its documents: the key
// API over HTTP, and what viewers get to see.
//
// The decision a newcomer would get wrong: who may watch is decided by
// gate/verify, which shares no code with what makes the tokens.
package vidbeotest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"playtoken/keyrotation"
	"playtoken/platforms/standin"
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

// Refuse is a refusal as Vidbeo words it.
func Refuse(status int, text string) string {
	return body(envelope{Errors: []fault{{strconv.Itoa(status), text}}})
}

func body(e envelope) string {
	if e.Errors == nil {
		e.Errors = []fault{}
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // only texts and numbers are in it
	}
	return string(text)
}

// exchange is one request over HTTP.
type exchange struct {
	standin.World
	w     http.ResponseWriter
	r     *http.Request
	fault standin.Fault
}

// Serve is the account over HTTP: the key API below /v2, and the videos below
// /watch.
func Serve(world standin.World) http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*exchange){
		"GET /v2/jwt_keys":         (*exchange).list,
		"POST /v2/jwt_keys":        (*exchange).register,
		"GET /v2/jwt_keys/{id}":    (*exchange).get,
		"DELETE /v2/jwt_keys/{id}": (*exchange).delete,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{World: world, w: w, r: r}
			bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if want := world.Credential["api_key"]; !want.IsZero() && !want.Equal(bearer) {
				x.refuse(http.StatusUnauthorized, "unknown API key")
				return
			}
			serve(x)
		})
	}
	mux.HandleFunc("GET /watch/{video}", (&viewers{keys: world.Keys}).watch)
	return mux
}

// refuse is an honest no, unless the fault wants something else.
func (x *exchange) refuse(status int, text string) {
	x.fault.Send(x.w, x.r, standin.Reply{Status: status, Body: Refuse(status, text), Refuse: Refuse})
}

// answer sends the envelope, or what the fault makes of it.
func (x *exchange) answer(e envelope) {
	e.Success = true
	x.fault.Send(x.w, x.r, standin.Reply{Status: http.StatusOK, Body: body(e), Refuse: Refuse})
}

func (x *exchange) register() {
	var body struct {
		Name      string `json:"name"`
		PublicKey string `json:"public_key"`
	}
	data, err := io.ReadAll(io.LimitReader(x.r.Body, 64<<10))
	if err != nil || json.Unmarshal(data, &body) != nil {
		x.refuse(http.StatusBadRequest, "the body is not JSON")
		return
	}
	x.fault = x.Keys.Begin(standin.Call{Op: standin.OpRegister, Name: body.Name, Fingerprint: keyrotation.Fingerprint(body.PublicKey)})
	if problem := standin.BadKey(body.Name, body.PublicKey); problem != "" {
		x.refuse(http.StatusBadRequest, problem)
		return
	}
	x.one(x.Keys.Put(x.fault, body.Name, body.PublicKey))
}

func (x *exchange) get() {
	id := x.r.PathValue("id")
	x.fault = x.Keys.Begin(standin.Call{Op: standin.OpGet, KeyID: id})
	r, ok := x.Keys.Find(x.fault, id)
	if !ok {
		x.refuse(http.StatusNotFound, "no such key")
		return
	}
	x.one(r)
}

func (x *exchange) delete() {
	id := x.r.PathValue("id")
	x.fault = x.Keys.Begin(standin.Call{Op: standin.OpDelete, KeyID: id})
	if !x.Keys.Drop(x.fault, id) {
		x.refuse(http.StatusNotFound, "no such key")
		return
	}
	x.answer(envelope{Result: struct{}{}})
}

// one answers with one key.
func (x *exchange) one(r standin.Record) {
	if x.fault.Response == standin.WrongKey {
		r.ID, r.PublicKey = "another-id", standin.PublicKey(1<<31)
	}
	x.answer(envelope{Result: wire(x.fault.LaidOut(r))})
}

func (x *exchange) list() {
	after, page, limit, ok := x.position()
	x.fault = x.Keys.Begin(standin.Call{Op: standin.OpList, Page: page})
	if !ok {
		x.refuse(http.StatusBadRequest, "limit or cursor")
		return
	}
	rows, more := slice(x.Keys.Rows(x.fault), after, limit)
	if len(rows) > 0 {
		after = rows[len(rows)-1].Serial
	}
	keys := []jwtKey{}
	for _, r := range x.fault.Show(rows) {
		keys = append(keys, wire(r))
	}
	links := map[string]string{}
	if next := x.next(after, page, limit, more); next != "" {
		links["next"] = next
	}
	x.answer(envelope{Result: keys, Links: links})
}

// position reads the parameters of a list.
func (x *exchange) position() (after, page, limit int, ok bool) {
	query := x.r.URL.Query()
	limit = x.PageSize
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
func slice(rows []standin.Record, after, limit int) (page []standin.Record, more bool) {
	for _, r := range rows {
		if r.Serial > after {
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
	case x.fault.View == standin.Circular && x.r.URL.RawQuery != "":
		return link + "?" + x.r.URL.RawQuery
	case x.fault.View == standin.Circular, x.fault.View == standin.Unending:
	case x.fault.View == standin.OtherHost:
		link = "http://" + standin.SinkHost + x.r.URL.Path
	case x.fault.View == standin.OtherResource:
		link = "http://" + x.r.Host + "/v2/api_keys"
	case !more:
		return ""
	case x.Relative:
		link = ""
	}
	cursor := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d", after, page+1))
	return link + "?" + url.Values{"cursor": {cursor}, "limit": {strconv.Itoa(limit)}}.Encode()
}

func wire(r standin.Record) jwtKey {
	created := r.Created.UTC().Format("2006-01-02T15:04:05.000Z")
	return jwtKey{
		ID: r.ID, Name: r.Name, PublicKey: r.PublicKey,
		CreatedBy: "abcde12345abcde12345a", CreatedTime: created,
		UpdatedBy: "abcde12345abcde12345a", UpdatedTime: created,
	}
}

package handlers

import (
	"context"
	"net/http"

	"playtoken/projects"
	"playtoken/secret"
)

// Routes lists every route as "METHOD path".
func Routes() (all []string) {
	everything := &server{waiting: map[string]waitingAct{}, Config: Config{Access: noAccess{}, Store: noStore{}, SignIn: noSignIn{}, Approvals: noApprovals{}, SDK: noSDK{}, Doctor: noDoctor{}, Published: nonePublished}}
	for _, r := range everything.routes() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

type noAccess struct{ Access }

type noStore struct{ Store }

type noSignIn struct{ SignIn }

type noApprovals struct{ Approvals }

type noSDK struct{ SDK }

type noDoctor struct{ Doctor }

func nonePublished(context.Context, string) (PublishedKeys, error) { return PublishedKeys{}, nil }

// DecodeQuery reads the query of a list, and writes the page that it understood as a query again.
func DecodeQuery(raw string) (page projects.Page, again string, err error) {
	var q pageQuery
	err = decodeQuery(raw, &q)
	return q.withDefaults(), pageLink("", q.withDefaults()), err
}

// Credential is what an Authorization header presents.
func Credential(h http.Header) (secret.Value, error) { return credential(h) }

// DecodeMint and DecodeBatch read the two bodies with the most in them.
func DecodeMint(data []byte) (video string, err error) {
	var body mintBody
	err = decodeObject(data, &body)
	return body.VideoID, err
}

func DecodeBatch(data []byte) (n int, err error) {
	var body batchBody
	err = decodeObject(data, &body)
	return len(body.Requests), err
}

// PlainPath reports whether a path has one meaning.
func PlainPath(path, escaped string) bool { return plainPath(path, escaped) }

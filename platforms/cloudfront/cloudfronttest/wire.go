package cloudfronttest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"playtoken/platforms/standin"
)

const (
	namespace = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
	maxBody   = 64 << 10
	skew      = 5 * time.Minute
)

// exchange is one request of the API.
type exchange struct {
	account *Account
	w       http.ResponseWriter
	r       *http.Request
	body    []byte
	fault   standin.Fault
}

// failure is a refusal on the wire.
type failure struct {
	XMLName xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ ErrorResponse"`
	Error   struct {
		Type    string
		Code    string
		Message string
	}
	RequestID string `xml:"RequestId"`
}

// Refuse is a refusal as CloudFront words one that has no code of its own.
func Refuse(status int, text string) string { return refusal("Refused", text, status) }

func refusal(code, text string, status int) string {
	f := failure{RequestID: "d9f4b6a2-0000-4000-8000-000000000000"}
	f.Error.Type, f.Error.Code, f.Error.Message = "Sender", code, text
	if status >= 500 {
		f.Error.Type = "Receiver"
	}
	return document(f)
}

func document(of any) string {
	text, err := xml.Marshal(of)
	if err != nil {
		panic(err) // only texts and numbers are in it
	}
	return xml.Header + string(text)
}

// refuse is an honest no, unless the fault wants something else.
func (x *exchange) refuse(status int, code, text string) {
	x.fault.Send(x.w, x.r, standin.Reply{Status: status, Body: refusal(code, text, status), Refuse: Refuse})
}

// answer sends an object, or what the fault makes of it.
func (x *exchange) answer(status int, etag string, of any) {
	if etag != "" {
		x.w.Header().Set("ETag", etag)
	}
	body := ""
	if of != nil {
		body = document(of)
	}
	x.fault.Send(x.w, x.r, standin.Reply{Status: status, Body: body, Refuse: Refuse})
}

// authenticate compares the signature of a request (AWS, Signature Version 4) with the
// one that the account's access key makes.
func (x *exchange) authenticate() bool {
	var err error
	if x.body, err = io.ReadAll(io.LimitReader(x.r.Body, maxBody)); err != nil {
		x.refuse(http.StatusBadRequest, "InvalidArgument", "the body cannot be read")
		return false
	}
	id, secret := x.account.World.Credential["access_key_id"], x.account.World.Credential["secret_access_key"]
	if id.IsZero() {
		return true
	}
	fields := authorization(x.r.Header.Get("Authorization"))
	named, scope, _ := strings.Cut(fields["Credential"], "/")
	at, err := time.Parse("20060102T150405Z", x.r.Header.Get("X-Amz-Date"))
	switch {
	case len(fields) == 0:
		x.refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case !id.Equal(named):
		x.refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid")
	case err != nil || time.Since(at).Abs() > skew || scope != at.Format("20060102")+"/us-east-1/cloudfront/aws4_request":
		x.refuse(http.StatusForbidden, "SignatureDoesNotMatch", "Signature expired, or for another service")
	case subtle.ConstantTimeCompare([]byte(fields["Signature"]), []byte(x.signature(secret.Reveal(), scope, fields["SignedHeaders"]))) != 1:
		x.refuse(http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided")
	default:
		return true
	}
	return false
}

// authorization takes the header apart.
func authorization(header string) map[string]string {
	fields := map[string]string{}
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	for _, part := range strings.Split(rest, ",") {
		if name, value, found := strings.Cut(strings.TrimSpace(part), "="); found && ok {
			fields[name] = value
		}
	}
	return fields
}

func (x *exchange) signature(secret, scope, headers string) string {
	var canonical strings.Builder
	query := strings.Split(x.r.URL.Query().Encode(), "&")
	slices.Sort(query)
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", x.r.Method, x.r.URL.EscapedPath(), strings.ReplaceAll(strings.Join(query, "&"), "+", "%20"))
	for _, name := range strings.Split(headers, ";") {
		value := strings.Join(x.r.Header.Values(name), ",")
		switch name {
		case "host":
			value = x.r.Host
		case "content-length":
			value = fmt.Sprint(x.r.ContentLength)
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	fmt.Fprintf(&canonical, "\n%s\n%s", headers, hexSum(x.body))
	key := []byte("AWS4" + secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+x.r.Header.Get("X-Amz-Date")+"\n"+scope+"\n"+hexSum([]byte(canonical.String()))))
}

func mac(key []byte, text string) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(text))
	return sum.Sum(nil)
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

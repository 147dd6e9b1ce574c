package cloudfronttest

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/xml"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/standin"
)

// keyConfig is what a key is made of.
type keyConfig struct {
	CallerReference string
	Name            string
	EncodedKey      string
	Comment         string `xml:",omitempty"`
}

type publicKey struct {
	XMLName         xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ PublicKey"`
	ID              string   `xml:"Id"`
	CreatedTime     string
	PublicKeyConfig keyConfig
}

type keyList struct {
	XMLName    xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ PublicKeyList"`
	NextMarker string   `xml:",omitempty"`
	MaxItems   int
	Quantity   int
	Items      []keySummary `xml:"Items>PublicKeySummary"`
}

type keySummary struct {
	ID          string `xml:"Id"`
	Name        string
	CreatedTime string
	EncodedKey  string
	Comment     string `xml:",omitempty"`
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// createKey makes a key once for each reference and each name.
func (x *exchange) createKey() {
	var sent keyConfig
	if xml.Unmarshal(x.body, &sent) != nil {
		x.refuse(http.StatusBadRequest, "MalformedXML", "the body is not XML")
		return
	}
	x.fault = x.account.World.Keys.Begin(standin.Call{Op: standin.OpRegister, Name: sent.Name, Fingerprint: keyrotation.Fingerprint(sent.EncodedKey)})
	a := x.account
	a.mu.Lock()
	defer a.mu.Unlock()
	if status, code, text := a.wrongKey(sent); code != "" {
		x.refuse(status, code, text)
		return
	}
	shown := sent.Name
	if sent.Comment != "" {
		shown = sent.Comment
	}
	made := a.World.Keys.Put(x.fault, shown, sent.EncodedKey)
	a.comment[made.ID], a.created[made.ID] = sent.Name, sent.CallerReference
	x.w.Header().Set("Location", "https://cloudfront.amazonaws.com/2020-05-31/public-key/"+made.ID)
	x.one(http.StatusCreated, made)
}

func (a *Account) wrongKey(sent keyConfig) (status int, code, text string) {
	parsed, err := keyrotation.ParsePublicKey(sent.EncodedKey)
	fits := false
	switch key := parsed.(type) {
	case *rsa.PublicKey:
		fits = key.N.BitLen() == 2048
	case *ecdsa.PublicKey:
		fits = key.Curve.Params().BitSize == 256
	}
	switch {
	case err != nil || !fits:
		return http.StatusBadRequest, "InvalidArgument", "Your request contains an invalid public key"
	case !nameForm.MatchString(sent.Name) || sent.CallerReference == "":
		return http.StatusBadRequest, "InvalidArgument", "The parameter Name contains characters other than alphanumericals, dashes, and underscores"
	case len([]rune(sent.Comment)) > 128:
		return http.StatusBadRequest, "InvalidArgument", "The parameter Comment is too long"
	}
	current := a.World.Keys.Current()
	for _, key := range current {
		if a.comment[key.ID] == sent.Name || a.created[key.ID] == sent.CallerReference {
			return http.StatusConflict, "PublicKeyAlreadyExists", "The name or caller reference is associated with another public key in your account"
		}
	}
	if most := orElse(a.MaxKeys, 10); len(current) >= most {
		return http.StatusBadRequest, "TooManyPublicKeys", "You have reached the maximum number of public keys"
	}
	return 0, "", ""
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// one answers with one key. The caller holds the account.
func (x *exchange) one(status int, r standin.Record) {
	if x.fault.Response == standin.WrongKey {
		r.ID, r.PublicKey = "KANOTHERID", standin.PublicKey(1<<31)
	}
	r = x.fault.LaidOut(r)
	name, comment := x.account.names(r)
	x.answer(status, "E"+r.ID, publicKey{ID: r.ID, CreatedTime: stamp(r.Created), PublicKeyConfig: keyConfig{
		CallerReference: x.account.created[r.ID], Name: name, EncodedKey: r.PublicKey, Comment: comment,
	}})
}

// names are a key's name and comment. One that was added by hand has a name alone.
func (a *Account) names(r standin.Record) (name, comment string) {
	if a.comment[r.ID] == "" {
		return r.Name, ""
	}
	return a.comment[r.ID], r.Name
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func (x *exchange) getKey() {
	id := x.r.PathValue("id")
	x.fault = x.account.World.Keys.Begin(standin.Call{Op: standin.OpGet, KeyID: id})
	r, ok := x.account.World.Keys.Find(x.fault, id)
	if !ok {
		x.refuse(http.StatusNotFound, "NoSuchPublicKey", "The specified public key does not exist")
		return
	}
	x.account.mu.Lock()
	defer x.account.mu.Unlock()
	x.one(http.StatusOK, r)
}

func (x *exchange) deleteKey() {
	id := x.r.PathValue("id")
	keys := x.account.World.Keys
	x.fault = keys.Begin(standin.Call{Op: standin.OpDelete, KeyID: id})
	_, found := x.account.keyOf(id)
	x.account.mu.Lock()
	users := x.account.users(id)
	x.account.mu.Unlock()
	switch match := x.r.Header.Get("If-Match"); {
	case match == "":
		x.refuse(http.StatusBadRequest, "InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource")
	case !found:
		x.refuse(http.StatusNotFound, "NoSuchPublicKey", "The specified public key does not exist")
	case match != "E"+id:
		x.refuse(http.StatusPreconditionFailed, "PreconditionFailed", "The request failed because it didn't meet the preconditions")
	case len(users) > 0:
		x.refuse(http.StatusConflict, "PublicKeyInUse", "The specified public key is in use by "+strings.Join(users, ", "))
	default:
		keys.Drop(x.fault, id)
		x.answer(http.StatusNoContent, "", nil)
	}
}

// listKeys shows a page. A marker is the place of the newest key before it.
func (x *exchange) listKeys() {
	query := x.r.URL.Query()
	after, page, ok := position(query.Get("Marker"))
	x.fault = x.account.World.Keys.Begin(standin.Call{Op: standin.OpList, Page: page})
	most := min(orElse(x.account.World.PageSize, 100), 100)
	if n, err := strconv.Atoi(query.Get("MaxItems")); err == nil && n > 0 {
		most = min(most, n)
	}
	if !ok {
		x.refuse(http.StatusBadRequest, "InvalidArgument", "The parameter Marker is not valid")
		return
	}
	var rows []standin.Record
	more := false
	for _, r := range x.account.World.Keys.Rows(x.fault) {
		if more = r.Serial > after && len(rows) == most; more {
			break
		}
		if r.Serial > after {
			rows = append(rows, r)
		}
	}
	if len(rows) > 0 {
		after = rows[len(rows)-1].Serial
	}
	list := keyList{MaxItems: most, NextMarker: x.next(after, page, more)}
	x.account.mu.Lock()
	defer x.account.mu.Unlock()
	for _, r := range x.fault.Show(rows) {
		name, comment := x.account.names(r)
		list.Items = append(list.Items, keySummary{ID: r.ID, Name: name, Comment: comment, CreatedTime: stamp(r.Created), EncodedKey: r.PublicKey})
	}
	list.Quantity = len(list.Items)
	x.answer(http.StatusOK, "", list)
}

func position(marker string) (after, page int, ok bool) {
	if marker == "" {
		return 0, 0, true
	}
	serial, number, _ := strings.Cut(marker, "-")
	after, err1 := strconv.Atoi(serial)
	page, err2 := strconv.Atoi(number)
	return after, page, err1 == nil && err2 == nil
}

// next is the marker of the next page, or nothing.
func (x *exchange) next(after, page int, more bool) string {
	here := x.r.URL.Query().Get("Marker")
	switch x.fault.View {
	case standin.Circular:
		if here != "" {
			return here
		}
	case standin.OtherHost:
		return "http://" + standin.SinkHost + x.r.URL.Path
	case standin.OtherResource:
		return "../key-group?Marker=1"
	case standin.Unending:
	default:
		if !more {
			return ""
		}
	}
	return strconv.Itoa(after) + "-" + strconv.Itoa(page+1)
}

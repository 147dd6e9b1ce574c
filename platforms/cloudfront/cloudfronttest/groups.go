package cloudfronttest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"time"

	"playtoken/platforms/standin"
)

type groupConfig struct {
	Name    string
	Items   []string `xml:"Items>PublicKey"`
	Comment string   `xml:",omitempty"`
}

type keyGroup struct {
	XMLName          xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ KeyGroup"`
	ID               string   `xml:"Id"`
	LastModifiedTime string
	KeyGroupConfig   groupConfig
}

// distribution has what is read of one here; a real one has more.
type distribution struct {
	XMLName                xml.Name `xml:"http://cloudfront.amazonaws.com/doc/2020-05-31/ Distribution"`
	ID                     string   `xml:"Id"`
	ARN                    string
	Status                 string
	LastModifiedTime       string
	DomainName             string
	ActiveTrustedKeyGroups activeGroups
}

type activeGroups struct {
	Enabled  bool
	Quantity int
	Items    []activeGroup `xml:"Items>KeyGroup"`
}

type activeGroup struct {
	KeyGroupID string `xml:"KeyGroupId"`
	KeyPairIDs struct {
		Enabled  bool
		Quantity int
		Items    []string `xml:"Items>KeyPairId"`
	} `xml:"KeyPairIds"`
}

// wrongGroup says why a key group is refused. The caller holds the account.
func (a *Account) wrongGroup(id string, sent groupConfig) (status int, code, text string) {
	for other, g := range a.groups {
		if other != id && g.name == sent.Name {
			return http.StatusConflict, "KeyGroupAlreadyExists", "A key group with this name exists"
		}
	}
	switch {
	case !nameForm.MatchString(sent.Name) || len(sent.Items) == 0 && !a.TakesNone:
		return http.StatusBadRequest, "InvalidArgument", "A key group has a name and one key at least"
	case len(sent.Items) > orElse(a.MaxGroupKeys, 5):
		return http.StatusBadRequest, "TooManyPublicKeysInKeyGroup", "The number of public keys in this key group is more than the maximum allowed"
	}
	for i, key := range sent.Items {
		if _, there := a.keyOf(key); !there || slices.Contains(sent.Items[:i], key) {
			return http.StatusBadRequest, "InvalidArgument", "One or more of the specified public keys do not exist"
		}
	}
	return 0, "", ""
}

// body is a key group as it was sent.
func (x *exchange) groupConfig() (sent groupConfig, ok bool) {
	if xml.Unmarshal(x.body, &sent) != nil {
		x.refuse(http.StatusBadRequest, "MalformedXML", "the body is not XML")
		return sent, false
	}
	return sent, true
}

func (x *exchange) createGroup() {
	sent, ok := x.groupConfig()
	if !ok {
		return
	}
	x.account.mu.Lock()
	defer x.account.mu.Unlock()
	id := fmt.Sprintf("%032x", len(x.account.groups)+1)
	if status, code, text := x.account.wrongGroup(id, sent); code != "" {
		x.refuse(status, code, text)
		return
	}
	g := &group{name: sent.Name, comment: sent.Comment}
	g.put(sent.Items)
	x.account.groups[id] = g
	x.shown(http.StatusCreated, id, g)
}

// shown answers with a key group. The caller holds the account.
func (x *exchange) shown(status int, id string, g *group) {
	x.answer(status, g.etag(), keyGroup{ID: id, LastModifiedTime: stamp(g.changed), KeyGroupConfig: groupConfig{Name: g.name, Items: g.items, Comment: g.comment}})
}

// found is the key group of the path. The caller holds the account.
func (x *exchange) found() (id string, g *group) {
	x.account.settle()
	id = x.r.PathValue("id")
	if g = x.account.groups[id]; g == nil {
		x.refuse(http.StatusNotFound, "NoSuchResource", "The key group does not exist")
	}
	return id, g
}

func (x *exchange) getGroup() {
	x.account.mu.Lock()
	defer x.account.mu.Unlock()
	if id, g := x.found(); g != nil {
		x.shown(http.StatusOK, id, g)
	}
}

// fresh compares the version that a write names. The caller holds the account.
func (x *exchange) fresh(g *group) bool {
	switch match := x.r.Header.Get("If-Match"); match {
	case "":
		x.refuse(http.StatusBadRequest, "InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource")
	case g.etag():
		return true
	default:
		x.refuse(http.StatusPreconditionFailed, "PreconditionFailed", "The request failed because it didn't meet the preconditions in one or more request-header fields")
	}
	return false
}

// updateGroup replaces all of a key group, if it has the version that was read.
func (x *exchange) updateGroup() {
	x.fault = x.account.World.Keys.Begin(standin.Call{Op: standin.OpReplace, Name: x.r.PathValue("id")})
	sent, ok := x.groupConfig()
	if !ok {
		return
	}
	x.account.mu.Lock()
	defer x.account.mu.Unlock()
	id, g := x.found()
	if g == nil || !x.fresh(g) {
		return
	}
	if status, code, text := x.account.wrongGroup(id, sent); code != "" {
		x.refuse(status, code, text)
		return
	}
	after := *g
	after.name, after.comment = sent.Name, sent.Comment
	after.put(sent.Items)
	x.account.write(x.fault, id, after)
	x.shown(http.StatusOK, id, &after)
}

// late is a change of a key group that takes effect after its call.
type late struct {
	due   time.Time
	id    string
	after group
}

// write replaces a key group with the effect of a fault. The caller holds the account.
func (a *Account) write(f standin.Fault, id string, after group) {
	change := late{due: time.Now(), id: id, after: after}
	switch f.Effect {
	case standin.Never:
		return
	case standin.Later:
		change.due = change.due.Add(f.Delay)
	}
	a.late = append(a.late, change)
	a.settle()
}

// settle makes the changes that are due. One that is late and whose version was
// overtaken does nothing: that is what If-Match is for.
func (a *Account) settle() {
	a.late = slices.DeleteFunc(a.late, func(change late) bool {
		g := a.groups[change.id]
		if time.Now().Before(change.due) {
			return false
		}
		if g != nil && g.version == change.after.version-1 {
			a.deploy(g)
			deployed := g.deployed
			*g = change.after
			g.changed, g.deployed = change.due, deployed
		}
		return true
	})
}

func (x *exchange) deleteGroup() {
	x.account.mu.Lock()
	defer x.account.mu.Unlock()
	id, g := x.found()
	switch {
	case g == nil || !x.fresh(g):
	case id == GroupID:
		x.refuse(http.StatusConflict, "ResourceInUse", "The key group is in use by "+DistributionID)
	default:
		delete(x.account.groups, id)
		x.answer(http.StatusNoContent, "", nil)
	}
}

// getDistribution shows what the edge has.
func (x *exchange) getDistribution() {
	if x.r.PathValue("id") != DistributionID {
		x.refuse(http.StatusNotFound, "NoSuchDistribution", "The specified distribution does not exist")
		return
	}
	x.account.mu.Lock()
	defer x.account.mu.Unlock()
	x.account.settle()
	g := x.account.groups[GroupID]
	shown := distribution{
		ID: DistributionID, ARN: "arn:aws:cloudfront::123456789012:distribution/" + DistributionID, Status: "InProgress", DomainName: "d111111abcdef8.cloudfront.net",
		LastModifiedTime: stamp(g.changed), ActiveTrustedKeyGroups: activeGroups{Enabled: true, Quantity: 1, Items: []activeGroup{{KeyGroupID: GroupID}}},
	}
	if x.account.deploy(g) {
		shown.Status = "Deployed"
	}
	active := &shown.ActiveTrustedKeyGroups.Items[0].KeyPairIDs
	active.Enabled, active.Quantity, active.Items = len(g.deployed) > 0, len(g.deployed), g.deployed
	x.answer(http.StatusOK, "E2QWRUHAPOMQZL", shown)
}

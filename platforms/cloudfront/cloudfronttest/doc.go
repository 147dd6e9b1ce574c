// Package cloudfronttest is a stand-in for Amazon CloudFront: the part of its API that
// keys and key groups need, and an edge that refuses what the real one refuses.
//
// The decision a newcomer would get wrong: nothing here is shared with the platform.
// What an edge accepts is written a second time, and both are held against AWS's own
// signers and clients.
package cloudfronttest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/standin"
)

// The objects that an account begins with.
const (
	GroupID        = "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"
	DistributionID = "E1U5RQF7T870K0"
)

// Account is a stand-in. It is safe for concurrent use.
type Account struct {
	World standin.World

	// Deploys is how long a change of a key group takes until the edge has it.
	Deploys time.Duration
	// TrustsAll: the distribution trusts another group, too, that has every key.
	TrustsAll bool
	// TakesNone: a key group may have no keys. Whether AWS's may is not documented.
	TakesNone bool

	MaxKeys      int // of the account; 0: 10
	MaxGroupKeys int // of a key group; 0: 5

	mu      sync.Mutex
	groups  map[string]*group
	comment map[string]string // of keys, by id
	created map[string]string // reference of keys, by id
	late    []late
}

// group is a key group. What is deployed is what the edge has.
type group struct {
	name, comment string
	items         []string
	version       int
	changed       time.Time
	deployed      []string
}

// New is an account with one key group, which has no keys, and one distribution.
func New(world standin.World, deploys time.Duration) *Account {
	return &Account{
		World: world, Deploys: deploys, groups: map[string]*group{GroupID: {name: "videos"}}, comment: map[string]string{}, created: map[string]string{},
	}
}

// ServeHTTP serves the API below /2020-05-31, and everything else as the edge.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*exchange){
		"GET /2020-05-31/public-key":         (*exchange).listKeys,
		"POST /2020-05-31/public-key":        (*exchange).createKey,
		"GET /2020-05-31/public-key/{id}":    (*exchange).getKey,
		"DELETE /2020-05-31/public-key/{id}": (*exchange).deleteKey,
		"POST /2020-05-31/key-group":         (*exchange).createGroup,
		"GET /2020-05-31/key-group/{id}":     (*exchange).getGroup,
		"PUT /2020-05-31/key-group/{id}":     (*exchange).updateGroup,
		"DELETE /2020-05-31/key-group/{id}":  (*exchange).deleteGroup,
		"GET /2020-05-31/distribution/{id}":  (*exchange).getDistribution,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{account: a, w: w, r: r}
			if x.authenticate() {
				serve(x)
			}
		})
	}
	mux.Handle("/", Edge{Keys: a.trusted})
	mux.ServeHTTP(w, r)
}

// deploy brings to the edge what is due, and reports whether all of a group is there.
func (a *Account) deploy(g *group) bool {
	if time.Since(g.changed) >= a.Deploys {
		g.deployed = g.items
	}
	return slices.Equal(g.deployed, g.items)
}

// trusted are the keys of the edge now.
func (a *Account) trusted() map[string]string {
	current := map[string]string{}
	for _, key := range a.World.Keys.Current() {
		current[key.ID] = key.PublicKey
	}
	if a.TrustsAll {
		return current
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle()
	trusted := map[string]string{}
	for _, g := range a.groups {
		a.deploy(g)
		for _, id := range g.deployed {
			trusted[id] = current[id]
		}
	}
	return trusted
}

// Group returns the ids in the key group, and whether the edge has them.
func (a *Account) Group() (ids []string, deployed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle()
	g := a.groups[GroupID]
	return slices.Clone(g.items), a.deploy(g)
}

// Put replaces the ids in the key group, as a person does in the console.
func (a *Account) Put(ids ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.groups[GroupID].put(ids)
}

func (g *group) put(ids []string) {
	g.items, g.changed = slices.Clone(ids), time.Now()
	g.version++
}

func (g *group) etag() string { return fmt.Sprintf("E%011d", g.version) }

// users are the groups that have a key.
func (a *Account) users(keyID string) (names []string) {
	for _, id := range slices.Sorted(maps.Keys(a.groups)) {
		if slices.Contains(a.groups[id].items, keyID) {
			names = append(names, id)
		}
	}
	return names
}

// keyOf finds a key as it is now.
func (a *Account) keyOf(id string) (keyrotation.PlatformKey, bool) {
	for _, key := range a.World.Keys.Current() {
		if key.ID == id {
			return key, true
		}
	}
	return keyrotation.PlatformKey{}, false
}

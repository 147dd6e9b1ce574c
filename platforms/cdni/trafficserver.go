package cdni

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// TrafficServer is what the plugin uri_signing of Apache Traffic Server has to know
// of one issuer.
type TrafficServer struct {
	Issuer   string
	Audience string // its id; empty: tokens have no aud
	Renews   bool   // it renews tokens, and signs the new ones itself
}

// renewalKey is the id of the key with which Traffic Server signs what it renews.
const renewalKey = "renewal"

// private are the members of a JWK that no public key has.
var private = []string{"d", "p", "q", "dp", "dq", "qi", "k"}

// Config is the plugin's configuration file, with the keys of a JWK set. Replaced is
// the file that it takes the place of, empty for the first one: the key for renewals
// is taken over from it, so that tokens that were renewed before stay good.
func (s TrafficServer) Config(set, replaced []byte) ([]byte, error) {
	keys, err := readSet(set)
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	signing := keys[0]["kid"] // the plugin starts with no file that names none
	if s.Renews {
		key, err := s.renewal(replaced)
		if err != nil {
			return nil, err
		}
		keys, signing = append(keys, key), renewalKey
	}
	issuer := map[string]any{"renewal_kid": signing, "strip_token": true, "keys": keys}
	if s.Audience != "" {
		issuer["id"] = s.Audience
	}
	config, err := json.Marshal(map[string]any{s.Issuer: issuer}, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	return append(config, '\n'), nil
}

// readSet reads a JWK set of public keys, each with an id and an algorithm. A set
// without keys would lock every viewer out.
func readSet(set []byte) ([]map[string]any, error) {
	var read struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(set, &read); err != nil {
		return nil, errors.New("it is not a JWK set")
	}
	if len(read.Keys) == 0 {
		return nil, errors.New("it has no keys")
	}
	seen := []string{}
	for i, key := range read.Keys {
		id, _ := key["kid"].(string)
		algorithm, _ := key["alg"].(string)
		if id == "" || algorithm == "" || id == renewalKey || slices.Contains(seen, id) {
			return nil, fmt.Errorf("key %d of %d: want a kid of its own, and alg", i+1, len(read.Keys))
		}
		for _, name := range private {
			if _, there := key[name]; there {
				return nil, fmt.Errorf("key %d of %d has private members, which no key set may have", i+1, len(read.Keys))
			}
		}
		seen = append(seen, id)
	}
	return read.Keys, nil
}

// renewal is the key for renewals of a file, or a new one.
func (s TrafficServer) renewal(replaced []byte) (map[string]any, error) {
	var old map[string]struct {
		Keys []map[string]any `json:"keys"`
	}
	if len(replaced) > 0 {
		if err := json.Unmarshal(replaced, &old); err != nil {
			return nil, errors.New("the file that is to be replaced is not a configuration of uri_signing: remove it, or write to another place")
		}
	}
	for _, key := range old[s.Issuer].Keys {
		if key["kid"] == renewalKey {
			return key, nil
		}
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	return map[string]any{"kty": "oct", "kid": renewalKey, "alg": "HS256", "k": base64.RawURLEncoding.EncodeToString(secret)}, nil
}

// PublicSet is a JWK set as it was published, if it is one of public keys.
func PublicSet(set, _ []byte) ([]byte, error) {
	if _, err := readSet(set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	return set, nil
}

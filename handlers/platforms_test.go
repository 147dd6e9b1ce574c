package handlers_test

import (
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/platforms"
	"playtoken/store"
)

// TestPlatformsSayWhatAnAccountNeedsAndCanDo: settings and credentials in one list,
// limits that are not known null.
func TestPlatformsSayWhatAnAccountNeedsAndCanDo(t *testing.T) {
	d, done := deploy(t, func(c *handlers.Config) {
		c.Kinds = map[string]platforms.Kind{
			"two": {Name: "two", Settings: []platforms.Member{{Name: "url", Required: true, Receives: true, Meaning: "where it is"}},
				Credentials: []platforms.Member{{Name: "api_key", Meaning: "of the account"}},
				Offers: platforms.Offer{Ways: []platforms.Way{platforms.HandedOver, platforms.Carried}, KeyKinds: store.RSAKinds(), MaxKeys: 3,
					MaxTTL: 24 * time.Hour, EndsSessions: true, URLs: []string{"hls"}, Kinds: []string{"media"}}},
			"one": {Name: "one", Offers: platforms.Offer{Ways: []platforms.Way{platforms.Shared}}},
		}
	})
	defer done()
	d.Handler = validated(t, d.Handler)
	equal(t, d.ask("GET", "/v1/platforms", adminKey, ""), 200, `{"items":[
		{"name":"one","members":[],"capabilities":{"mints":true,"registers":false,"issues":false,"ends_sessions":false,"urls":[],"kinds":[],
			"ways":["shared"],"key_kinds":[],"max_keys":null,"max_ttl":null}},
		{"name":"two","members":[{"name":"url","required":true,"secret":false,"meaning":"where it is"},
			{"name":"api_key","required":false,"secret":true,"meaning":"of the account"}],
		 "capabilities":{"mints":true,"registers":true,"issues":false,"ends_sessions":true,"urls":["hls"],"kinds":["media"],
			"ways":["handed_over","carried"],"key_kinds":["rsa-2048","rsa-3072","rsa-4096"],"max_keys":3,"max_ttl":86400}}]}`)
	if got := d.ask("GET", "/v1/platforms?name=one", adminKey, ""); got.Code != 400 {
		t.Errorf("with a parameter: got %d, want 400", got.Code)
	}
}

package vidbeotest

import (
	"crypto"
	"errors"
	"net/http"
	"time"

	"playtoken/gate/verify"
	"playtoken/platforms/standin"
)

// viewers is what the videos' host decides. All of them are authenticated.
type viewers struct{ keys *standin.Keys }

func (v *viewers) watch(w http.ResponseWriter, r *http.Request) {
	_, err := verify.Verify(r.URL.Query().Get("jwt"), r.PathValue("video"), time.Now(), v.key)
	var why *verify.Error
	if errors.As(err, &why) {
		http.Error(w, string(why.Reason), http.StatusForbidden)
	}
}

// key is the public key that was registered under an id.
func (v *viewers) key(keyID string) (crypto.PublicKey, bool) {
	for _, key := range v.keys.Current() {
		if key.ID == keyID {
			public, err := verify.ParsePublicKey(key.PublicKey)
			return public, err == nil
		}
	}
	return nil, false
}

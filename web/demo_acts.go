package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// Outage makes the store unavailable, as if it were stopped.
type Outage interface {
	Stop(length time.Duration)
	Left() time.Duration // 0: it runs
}

// outageLength is how long the page's button stops the store.
const outageLength = 10 * time.Second

// rotate has a new key sign at once, with the request of an operator.
func (d *demo) rotate(w http.ResponseWriter, r *http.Request) {
	d.operate(w, r, "/v1/projects/"+d.Project+"/rotation", map[string]string{"mode": "now", "reason": "asked for on the demo's page"})
}

// revoke revokes the key that signs.
func (d *demo) revoke(w http.ResponseWriter, r *http.Request) {
	ring, _, err := d.seen.get(r.Context(), d.Ring)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "signer_unavailable", "the list of keys cannot be read now")
		return
	}
	for _, k := range ring.Keys {
		if k.State == "active" {
			path := fmt.Sprintf("/v1/projects/%s/signing-keys/%d/revoke", d.Project, k.Generation)
			d.operate(w, r, path, map[string]string{"reason": "tried on the demo's page"})
			return
		}
	}
	refuse(w, http.StatusConflict, "no_active_key", "no key signs now, so none can be revoked")
}

// operate makes an operator's request, whose response becomes that of the page's
// back end.
func (d *demo) operate(w http.ResponseWriter, r *http.Request, path string, body map[string]string) {
	text, err := json.Marshal(body)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", "the request to the service could not be made")
		return
	}
	d.call(w, r, d.AdminKey, path, text)
}

// stopStore makes the store unavailable for some seconds.
func (d *demo) stopStore(w http.ResponseWriter, _ *http.Request) {
	d.Outage.Stop(outageLength)
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, map[string]int{"stopped": seconds(d.Outage.Left())}) // the visitor has gone
}

package vidbeo_test

import (
	"net/http"
	"testing"

	"playtoken/keyrotation"
	"playtoken/platforms/platformtest"
	"playtoken/platforms/vidbeo"
	"playtoken/secret"
)

func TestPromises(t *testing.T) {
	platformtest.Run(t, func(base string, credential secret.Value, transport http.RoundTripper) (keyrotation.Registrar, error) {
		return vidbeo.New(vidbeo.Config{URL: base, Credential: credential, Transport: transport})
	})
}

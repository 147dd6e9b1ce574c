package operators_test

import (
	"testing"

	"playtoken/secret"
)

func TestAReplacedClientSecretIsSentToTheProvider(t *testing.T) {
	p := newProvider(t)
	s := newSignIn(t, p)
	a := begin(t, p, s, "ole")
	s.ReplaceClientSecret(secret.New("canary-new-secret"))
	if _, problem := a.finish(); problem != "" || p.secret != "canary-new-secret" {
		t.Errorf("got %q, and the provider got the secret %q, want the replaced one", problem, p.secret)
	}
}

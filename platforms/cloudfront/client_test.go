package cloudfront

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/keyrotation"
	"playtoken/platforms/cloudfront/cloudfronttest"
	"playtoken/platforms/standin"
	"playtoken/secret"
	"playtoken/store"
)

// accessKey is what the stand-in takes.
func accessKey() map[string]secret.Value {
	return map[string]secret.Value{"access_key_id": secret.New("AKIAIOSFODNN7EXAMPLE"), "secret_access_key": secret.New("a-secret/of+a=test")}
}

// TestTheStandInIsTakenForAWSByItsClient: by the one for Node; every other test has the
// one for Go.
func TestTheStandInIsTakenForAWSByItsClient(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(cloudfronttest.New(standin.World{Keys: standin.New(standin.Options{}), Credential: accessKey()}, time.Hour))
	defer server.Close()
	var keys []string
	for _, kind := range []store.Kind{store.RSA2048, store.ECDSAP256} {
		private, err := kind.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		text, err := keyrotation.EncodePublicKey(private.Public())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, text)
	}
	var got struct {
		IDs, Listed, Items, Left []string
		Same                     []bool
		ETag, Created            bool
		Comment, Status, Active  string
		Failures                 map[string]string
	}
	environ := []string{"KEY_ID=AKIAIOSFODNN7EXAMPLE", "KEY=a-secret/of+a=test"}
	node(t, "client.mjs", environ, map[string]any{"endpoint": server.URL, "keys": keys, "group": cloudfronttest.GroupID, "distribution": cloudfronttest.DistributionID}, &got)
	if len(got.IDs) != 2 || !cmp.Equal(got.IDs, got.Listed) || !cmp.Equal(got.Same, []bool{true, true}) || !got.ETag || !got.Created || got.Comment != "made by a client" {
		t.Errorf("keys: got %+v, want two that are listed as they were made", got)
	}
	if !cmp.Equal(got.Items, got.IDs[:1]) || !cmp.Equal(got.Left, got.IDs[:1]) || got.Status != "InProgress" || got.Active != cloudfronttest.GroupID {
		t.Errorf("key group: got %+v, want one key in it, not deployed yet, and that key left", got)
	}
	want := map[string]string{
		"the same name": "409 PublicKeyAlreadyExists", "no key": "400 InvalidArgument", "an old version": "412 PreconditionFailed",
		"no version": "400 InvalidIfMatchVersion", "a key that is not there": "400 InvalidArgument", "a key in use": "409 PublicKeyInUse",
		"an unknown key": "404 NoSuchPublicKey", "an unknown group": "404 NoSuchResource", "the group of the distribution": "409 ResourceInUse",
		"another secret": "403 SignatureDoesNotMatch",
	}
	if diff := cmp.Diff(want, got.Failures); diff != "" {
		t.Errorf("refusals, -want +got\n%s", diff)
	}
}

package apivideo_test

import (
	"slices"
	"testing"

	"playtoken/platforms"
	"playtoken/platforms/apivideo"
	"playtoken/platforms/apivideo/apivideotest"
	"playtoken/platforms/platformtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// only is the kind of accounts that have this credential.
func only(credential string) platforms.Kind {
	kind := apivideo.Kind()
	kind.Credentials = slices.DeleteFunc(kind.Credentials, func(m platforms.Member) bool { return m.Name != credential })
	kind.Credentials[0].Required = true
	return kind
}

func suite(credential string) platformtest.Suite {
	return platformtest.Suite{
		Kind:       only(credential),
		Settings:   map[string]string{"url": "http://127.0.0.1", "admin_url": "http://127.0.0.1:81"},
		Serve:      apivideotest.Serve,
		Refuse:     apivideotest.Refuse,
		BareDelete: true,
		Mint: platformtest.Mint{
			Videos: apivideotest.PrivateVideos,
			Bad:    []string{"vi", "li4k0jvEUuaTdRAEjQ4Jfagz", "vi-4k0jv", "4k0jvEUuaTdRAEjQ4Jfagz"},
			Fixed:  apivideo.SessionLife,
		},
	}
}

func TestPromisesWithAGivenKey(t *testing.T) {
	s := suite("api_key")
	s.Partial = true // a key that was given is not rotated
	platformtest.Run(t, s)
}

func TestPromisesWithIssuedKeys(t *testing.T) {
	s := suite("admin_key")
	s.Settings["project_id"] = apivideotest.Project
	for i, m := range s.Kind.Settings {
		if m.Name == "project_id" {
			s.Kind.Settings[i].Required = true
		}
	}
	platformtest.Run(t, s)
}

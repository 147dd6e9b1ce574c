package cloudfront

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/cloudfront/cloudfronttest"
	"playtoken/platforms/standin"
	"playtoken/secret"
)

// role answers as the services that give a process a credential: STS for a web
// identity, and the metadata of an instance.
type role struct{ status int }

const (
	roleID     = "ASIAEXAMPLEOFAROLE00"
	roleSecret = "secret-of-a-role-Zq81"
	roleToken  = "session-token-of-a-role-Yx77"
)

func (s role) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.status != 0 {
		w.WriteHeader(s.status)
		fmt.Fprint(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>web-identity-token-Kq12</Message></Error></ErrorResponse>`)
		return
	}
	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	switch {
	case r.Method == http.MethodPut:
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
		fmt.Fprint(w, "token")
	case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
		fmt.Fprint(w, "a-role")
	case strings.HasSuffix(r.URL.Path, "/a-role"):
		fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q,"Expiration":%q}`, roleID, roleSecret, roleToken, end)
	case r.Method == http.MethodPost:
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, roleID, roleSecret, roleToken, end)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// withRole is the environment of a process without an access key.
func withRole(t *testing.T, kind, address string) {
	t.Helper()
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": nowhere,
		"AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": address, "AWS_EC2_METADATA_DISABLED": "", "AWS_ENDPOINT_URL_STS": address, "AWS_REGION": "",
	} {
		t.Setenv(name, value)
	}
	if kind == "web identity" {
		token := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(token, []byte("web-identity-token-Kq12"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/playtoken")
		t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	}
}

// account opens one whose credential is that of the process.
func ofProcess(t *testing.T, handler http.Handler) platforms.Platform {
	t.Helper()
	opened, err := Kind().Open(platforms.Account{
		Settings:  map[string]string{"hls_url": manifest, "key_group": cloudfronttest.GroupID, "distributions": cloudfronttest.DistributionID},
		Transport: direct{handler: handler}, Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// TestRolesOfAProcess: the stand-in checks the signature that the role's key makes.
func TestRolesOfAProcess(t *testing.T) {
	for _, kind := range []string{"web identity", "instance"} {
		t.Run(kind, func(t *testing.T) {
			services := httptest.NewServer(role{})
			defer services.Close()
			withRole(t, kind, services.URL)
			keys := standin.New(standin.Options{})
			account := cloudfronttest.New(standin.World{Keys: keys, Credential: map[string]secret.Value{"access_key_id": secret.New(roleID), "secret_access_key": secret.New(roleSecret)}}, 0)
			account.Put(keys.Add("floor", standin.PublicKey(0)))
			if health, err := ofProcess(t, account).Check(t.Context()); err != nil || !strings.Contains(health.Detail, "1 keys") {
				t.Errorf("got %+v, %v, want the key group", health, err)
			}
		})
	}
}

// TestNoErrorHasACredential: neither what STS repeats, nor what CloudFront does.
func TestNoErrorHasACredential(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		echo   http.HandlerFunc
		want   error
	}{
		"STS refuses": {http.StatusBadRequest, nil, keyrotation.ErrUnauthorized},
		"CloudFront repeats it": {0, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>%s %s</Message></Error></ErrorResponse>`, r.Header.Get("X-Amz-Security-Token"), r.Header.Get("Authorization"))
		}, keyrotation.ErrUnauthorized},
		"CloudFront answers with it": {0, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `<KeyGroup><Id>%s</Id></KeyGroup>`, r.Header.Get("X-Amz-Security-Token"))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			services := httptest.NewServer(role{status: c.status})
			defer services.Close()
			withRole(t, "web identity", services.URL)
			_, err := ofProcess(t, c.echo).Check(t.Context())
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			for _, part := range []string{roleID, roleSecret, roleToken, "web-identity-token", "session-token"} {
				if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, part) {
					t.Errorf("got %s, want nothing of %s in it", text, part)
				}
			}
		})
	}
}

// TestWithoutACredentialItSaysWhatToSet: there is neither a key nor a role.
func TestWithoutACredentialItSaysWhatToSet(t *testing.T) {
	services := httptest.NewServer(http.NotFoundHandler())
	defer services.Close()
	withRole(t, "none", services.URL)
	_, err := ofProcess(t, http.NotFoundHandler()).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "set access_key_id") || errors.Is(err, keyrotation.ErrUnauthorized) {
		t.Errorf("got %v, want what to set", err)
	}
}

func TestAccessKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]secret.Value{
		"no secret":  {"access_key_id": secret.New("AKIA")},
		"no id":      {"secret_access_key": secret.New("s")},
		"a line end": {"access_key_id": secret.New("AKIA"), "secret_access_key": secret.New("s\n")},
		"a blank":    {"access_key_id": secret.New("AKIA "), "secret_access_key": secret.New("s")},
	} {
		_, err := Kind().Open(platforms.Account{
			Settings:   map[string]string{"hls_url": manifest, "key_group": "g", "distributions": "d"},
			Credential: change,
		})
		if err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}

func TestAccountSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]string{
		"no group":             {"key_group": ""},
		"a name as group":      {"key_group": "my group"},
		"no distribution":      {"distributions": " "},
		"a domain":             {"distributions": "d111.cloudfront.net"},
		"an API in the open":   {"url": "http://cloudfront.example"},
		"an API with a query":  {"url": "https://cloudfront.example/?a"},
		"no URL of the videos": {"hls_url": ""},
	} {
		settings := map[string]string{"hls_url": manifest, "key_group": "g", "distributions": "d e"}
		for key, value := range change {
			settings[key] = value
		}
		if _, err := Kind().Open(platforms.Account{Settings: settings, Credential: accessKey()}); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}

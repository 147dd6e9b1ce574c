package docs_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// yamlBelow are the blocks of YAML of a page below a heading, up to the next one of its
// level.
func yamlBelow(t *testing.T, page, heading string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(text), "\n## "+heading+"\n")
	below, _, _ = strings.Cut(below, "\n## ")
	for found {
		var block string
		if _, below, found = strings.Cut(below, "```yaml\n"); !found {
			break
		}
		block, below, found = strings.Cut(below, "```")
		blocks = append(blocks, block)
	}
	if len(blocks) == 0 {
		t.Fatalf("%s: got no YAML below %q, want some", page, heading)
	}
	return blocks
}

// strictly decodes a block, which may have no member that the type has not.
func strictly(t *testing.T, block string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(block)))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("got %v, want YAML with known members alone:\n%s", err, block)
	}
}

// envoyFilters has the members of envoy.extensions.filters.http.jwt_authn.v3, as far as
// the page uses them.
type envoyFilters struct {
	Filters []struct {
		Name   string `yaml:"name"`
		Config struct {
			Type      string `yaml:"@type"`
			Providers map[string]struct {
				Issuer   string   `yaml:"issuer"`
				Params   []string `yaml:"from_params"`
				Forward  bool     `yaml:"forward"`
				Metadata string   `yaml:"payload_in_metadata"`
				Remote   struct {
					HTTP struct {
						URI     string        `yaml:"uri"`
						Cluster string        `yaml:"cluster"`
						Timeout time.Duration `yaml:"timeout"`
					} `yaml:"http_uri"`
					Cache time.Duration `yaml:"cache_duration"`
					Async *struct{}     `yaml:"async_fetch"`
				} `yaml:"remote_jwks"`
			} `yaml:"providers"`
			Rules []struct {
				Match struct {
					Prefix string `yaml:"prefix"`
				} `yaml:"match"`
				Requires struct {
					Provider string `yaml:"provider_name"`
				} `yaml:"requires"`
			} `yaml:"rules"`
		} `yaml:"typed_config"`
	} `yaml:"http_filters"`
}

// TestTheConfigurationOfEnvoyIsWellFormed: Envoy itself does not run in these tests, so
// that it works there is not shown.
func TestTheConfigurationOfEnvoyIsWellFormed(t *testing.T) {
	var filters envoyFilters
	strictly(t, yamlBelow(t, "verifiers.md", "Envoy")[0], &filters)
	config := filters.Filters[0].Config
	provider := config.Providers[config.Rules[0].Requires.Provider]
	const path = "/v1/projects/PROJECT_ID/jwks.json"
	if want := "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"; config.Type != want {
		t.Errorf("got the type %q, want %q", config.Type, want)
	}
	if !strings.HasSuffix(provider.Remote.HTTP.URI, path) || provider.Remote.Async == nil {
		t.Errorf("got keys from %q, want %s, fetched before a request needs them", provider.Remote.HTTP.URI, path)
	}
	if len(provider.Params) != 1 || provider.Params[0] != "jwt" || provider.Remote.Cache != 5*time.Minute {
		t.Errorf("got the token in %v and keys kept for %s, want what the preset envoy says: jwt, 5m", provider.Params, provider.Remote.Cache)
	}
	t.Log("Envoy did NOT run: its configuration was only read")
}

// mediaMTX has the members of MediaMTX's configuration that the page uses.
type mediaMTX struct {
	Method  string `yaml:"authMethod"`
	JWKS    string `yaml:"authJWTJWKS"`
	Claim   string `yaml:"authJWTClaimKey"`
	Address string `yaml:"authHTTPAddress"`
	Exclude []struct {
		Action string `yaml:"action"`
	} `yaml:"authHTTPExclude"`
}

// TestTheConfigurationsOfMediaMTXAreWellFormed: MediaMTX does not run in these tests.
func TestTheConfigurationsOfMediaMTXAreWellFormed(t *testing.T) {
	blocks := yamlBelow(t, "verifiers.md", "MediaMTX")
	var fetching, asking mediaMTX
	strictly(t, blocks[0], &fetching)
	strictly(t, blocks[1], &asking)
	if fetching.Method != "jwt" || fetching.Claim != "mediamtx_permissions" {
		t.Errorf("got %+v, want authMethod jwt and the claim of the preset mediamtx", fetching)
	}
	if asking.Method != "http" || !strings.HasSuffix(asking.Address, "/auth") || len(asking.Exclude) != 4 {
		t.Errorf("got %+v, want authMethod http, the gate's /auth and four actions that MediaMTX decides", asking)
	}
	t.Log("MediaMTX did NOT run: its configurations were only read")
}

package jws

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"playtoken/store"
)

// presets have the settings that a verifier needs, as far as they differ from the
// defaults; a project's own settings come before them.
var presets = map[string]map[string]string{
	// The files of keys are written by cron, and HAProxy is reloaded.
	"haproxy": {"verifier_cache": "5m", "token_name": "jwt"},
	// The duration is what docs/verifiers.md gives remote_jwks.
	"envoy": {"verifier_cache": "5m", "token_name": "jwt"},
	// MediaMTX keeps keys for an hour, and fetches none for a key id that it does not know.
	"mediamtx": {
		"verifier_cache": "1h", "video_ids": "path", "token_name": "jwt",
		"claims": `{"mediamtx_permissions":[{"action":"read","path":"{video_id}"},{"action":"playback","path":"{video_id}"}]}`,
	},
}

// keyKinds are those of the verifiers that do not verify tokens of every kind of key.
var keyKinds = map[string][]store.Kind{
	"haproxy": append(store.RSAKinds(), store.ECDSAP256, store.ECDSAP384), // no EdDSA
}

func presetNames() []string { return slices.Sorted(maps.Keys(presets)) }

// withPreset returns the settings of an account together with those of its preset.
func withPreset(own map[string]string) (map[string]string, error) {
	name := own["preset"]
	preset, known := presets[name]
	if name != "" && !known {
		return nil, errors.New("preset: want one of " + strings.Join(presetNames(), ", "))
	}
	settings := maps.Clone(preset)
	if settings == nil {
		settings = map[string]string{}
	}
	for member, value := range own {
		if value != "" {
			settings[member] = value
		}
	}
	return settings, nil
}

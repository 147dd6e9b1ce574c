package cloudfront

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"playtoken/platforms/jwtkeys"
	"playtoken/signer"
)

// readForm reads the settings that say what tokens are.
func readForm(settings map[string]string) (*form, error) {
	f := &form{urls: signer.URLs{
		HLS: settings["hls_url"], DASH: settings["dash_url"], MP4: settings["mp4_url"], Poster: settings["poster_url"],
	}}
	for _, name := range []string{"hls_url", "dash_url", "mp4_url", "poster_url"} {
		if settings[name] == "" {
			continue
		}
		if err := checkAddress(settings[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, choice := range []struct {
		name, first, second string
		to                  *bool
	}{
		{name: "policy", first: "custom", second: "canned", to: &f.canned},
		{name: "hash", first: "sha256", second: "sha1", to: &f.sha1},
		{name: "place", first: "query", second: "cookie", to: &f.cookies},
	} {
		said := settings[choice.name]
		if said != "" && said != choice.first && said != choice.second {
			return nil, fmt.Errorf("%s: want %s or %s", choice.name, choice.first, choice.second)
		}
		*choice.to = said == choice.second
	}
	if err := f.readBounds(settings); err != nil {
		return nil, err
	}
	return f, f.readResource(settings["resource"])
}

func (f *form) readBounds(settings map[string]string) (err error) {
	for _, d := range []struct {
		to        *time.Duration
		name      string
		otherwise time.Duration
	}{
		{to: &f.maxTTL, name: "max_ttl", otherwise: jwtkeys.LongestLife},
		{to: &f.back, name: "starts_before"},
	} {
		if *d.to, err = jwtkeys.Duration(settings, d.name, d.otherwise); err != nil {
			return err
		}
	}
	f.bits = 32
	if text := settings["address_bits"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 8 || n > 32 || f.canned {
			return errors.New("address_bits: want 8 to 32, and a custom policy")
		}
		f.bits = n
	}
	return nil
}

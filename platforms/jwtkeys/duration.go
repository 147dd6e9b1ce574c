package jwtkeys

import (
	"fmt"
	"time"
)

// LongestLife is that of tokens where no setting says less.
const LongestLife = 24 * time.Hour

// Duration reads a setting such as "10m", of whole seconds up to LongestLife.
func Duration(settings map[string]string, name string, otherwise time.Duration) (time.Duration, error) {
	text := settings[name]
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > LongestLife || d%time.Second != 0 {
		return 0, fmt.Errorf("%s: want whole seconds up to 24h, such as 10m", name)
	}
	return d, nil
}

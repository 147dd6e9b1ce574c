package keyrotation_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"slices"
	"strings"

	"playtoken/keyrotation"
)

// How platforms show keys, as data.

// layout is what a platform makes of a key that it shows.
type layout func(keyrotation.PlatformKey) keyrotation.PlatformKey

// asText is a layout of the public key alone.
func asText(write func(public string) string) layout {
	return func(k keyrotation.PlatformKey) keyrotation.PlatformKey {
		k.PublicKey = write(k.PublicKey)
		k.Fingerprint = keyrotation.Fingerprint(k.PublicKey)
		return k
	}
}

// asName is a layout of the name alone.
func asName(write func(name string) string) layout {
	return func(k keyrotation.PlatformKey) keyrotation.PlatformKey {
		k.Name = write(k.Name)
		return k
	}
}

func cutTo(n int) func(string) string {
	return func(text string) string { return text[:min(n, len(text))] }
}

// legible are layouts of which all needed can be read.
var legible = map[string]layout{
	"blanks inside the markers": asText(spaced),
	"one line":                  asText(func(p string) string { return strings.ReplaceAll(p, "\n", " ") }),
	"line breaks spelled out":   asText(func(p string) string { return strings.ReplaceAll(p, "\n", `\n`) }),
	"100 characters":            asText(func(p string) string { return cutTo(100)(p) + "..." }),
	"without names":             asName(func(string) string { return "" }),
	"PKCS #1 without padding":   asText(bare),
}

// illegible are layouts of which too little can be read.
var illegible = map[string]layout{
	"40 characters": asText(func(p string) string { return cutTo(40)(p) + "..." }),
	"no key":        asText(func(string) string { return "" }),
	"neither name nor key": func(k keyrotation.PlatformKey) keyrotation.PlatformKey {
		k.Name, k.PublicKey, k.Fingerprint = "", "", ""
		return k
	},
}

// legibleNames and illegibleNames are the same of issued keys.
var (
	legibleNames = map[string]layout{
		"capitals":      asName(strings.ToUpper),
		"32 characters": asName(cutTo(32)),
	}
	illegibleNames = map[string]layout{
		"12 characters": asName(cutTo(12)),
		"no name":       asName(func(string) string { return "" }),
	}
)

// showsOtherwise: the platform shows keys in another layout from now on, or as
// they are again.
func (w *world) showsOtherwise() bool {
	all := []map[string]layout{legible, illegible}
	if w.issues {
		all = []map[string]layout{legibleNames, illegibleNames}
	}
	layouts := []layout{nil}
	for _, some := range all {
		for _, name := range slices.Sorted(maps.Keys(some)) {
			layouts = append(layouts, some[name])
		}
	}
	w.platform.odd = layouts[w.rng.IntN(len(layouts))]
	return true
}

// bare is the base64 of the PKCS #1 form alone.
func bare(public string) string {
	key, err := keyrotation.ParsePublicKey(public)
	own, isRSA := key.(*rsa.PublicKey)
	if err != nil || !isRSA { // the others have no such form
		return public
	}
	return base64.RawStdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(own))
}

// shown is the key as the platform shows it.
func (p *simPlatform) shown(k keyrotation.PlatformKey) keyrotation.PlatformKey {
	if p.odd == nil {
		return k
	}
	if block, _ := pem.Decode([]byte(k.PublicKey)); block == nil && !p.w.issues {
		return k // not a key that we registered
	}
	return p.odd(k)
}

package keyrotation_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// curveKinds are the kinds that are not of RSA.
var curveKinds = []store.Kind{store.ECDSAP256, store.ECDSAP384, store.Ed25519}

func TestAKeyOfEveryKindIsRecognisedInEveryLayout(t *testing.T) {
	for _, kind := range store.Kinds() {
		ours, other := pooledKeyOf(kind, 0).public, pooledKeyOf(kind, 1).public
		block, _ := pem.Decode([]byte(ours))
		body := base64.StdEncoding.EncodeToString(block.Bytes)
		for name, shown := range map[string]string{
			"as it was made":     ours,
			"with CRLF":          strings.ReplaceAll(ours, "\n", "\r\n"),
			"with \\n":           strings.ReplaceAll(ours, "\n", `\n`),
			"in one line":        strings.ReplaceAll(ours, "\n", " "),
			"the base64 alone":   body,
			"without padding":    strings.TrimRight(body, "="),
			"indented":           "  " + strings.ReplaceAll(ours, "\n", "\n  "),
			"cut off after 64":   body[:min(64, len(body))] + "...",
			"cut off after most": body[:len(body)-4] + "…",
		} {
			if got := keyrotation.MatchPublicKey(shown, ours); got != keyrotation.Same {
				t.Errorf("%s, %s: got match %d with itself, want Same", kind, name, got)
			}
			if got := keyrotation.MatchPublicKey(shown, other); got != keyrotation.Different {
				t.Errorf("%s, %s: got match %d with another key, want Different", kind, name, got)
			}
		}
		for _, length := range []int{0, 10, 23, 35} {
			if got := keyrotation.MatchPublicKey(body[:length]+"...", ours); got != keyrotation.Unclear {
				t.Errorf("%s, the first %d characters: got match %d, want Unclear", kind, length, got)
			}
		}
	}
}

func TestKeysOfTwoKindsAreDifferent(t *testing.T) {
	all := []string{pooledKey(0).public}
	for _, kind := range curveKinds {
		all = append(all, pooledKeyOf(kind, 0).public)
	}
	for i, ours := range all {
		for j, shown := range all {
			want := keyrotation.Different
			if i == j {
				want = keyrotation.Same
			}
			if got := keyrotation.MatchPublicKey(shown, ours); got != want {
				t.Errorf("key %d beside key %d: got match %d, want %d", j, i, got, want)
			}
		}
	}
}

// memberNames of the keys, and of the spec, in a ring's document.
func memberNames(t *testing.T, ring keyrotation.Ring) (spec, key map[string]any) {
	t.Helper()
	data, err := ring.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Spec map[string]any
		Keys []map[string]any
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Spec, doc.Keys[0]
}

func TestARingOfRSAKeysIsWrittenAsEarlierVersionsReadIt(t *testing.T) {
	for kind, bits := range map[store.Kind]float64{store.RSA2048: 2048, store.RSA3072: 3072, store.RSA4096: 4096} {
		s := sceneOf(but(genKey(1, keyrotation.Active), func(k *keyrotation.Key) { k.Kind = kind }))
		s.ring.Spec.Kind = kind
		spec, key := memberNames(t, s.ring)
		for what, members := range map[string]map[string]any{"spec": spec, "key": key} {
			if _, there := members["kind"]; there || members["bits"] != bits {
				t.Errorf("%s, %s: got bits %v, kind %v; want bits %v alone", kind, what, members["bits"], members["kind"], bits)
			}
		}
		read, err := decode(encode(t, s.ring))
		if err != nil || read.Keys[0].Kind != kind || read.Spec.Kind != kind {
			t.Errorf("%s: read again: got %+v (%v)", kind, read.Keys, err)
		}
	}
}

func TestARingOfOtherKindsSaysSoToEarlierVersions(t *testing.T) {
	for _, kind := range curveKinds {
		s := sceneOf(but(genKey(1, keyrotation.Active), func(k *keyrotation.Key) { k.Kind = kind }))
		s.ring.Spec.Kind = kind
		spec, key := memberNames(t, s.ring)
		if _, there := key["bits"]; there || key["kind"] != string(kind) || spec["kind"] != string(kind) {
			t.Errorf("%s: got key %v, spec %v; want the member kind, which keeps earlier versions from writing", kind, key, spec)
		}
		read, err := decode(encode(t, s.ring))
		if err != nil || read.Keys[0].Kind != kind || read.Spec.Kind != kind {
			t.Errorf("%s: read again: got %+v (%v)", kind, read.Keys, err)
		}
	}
}

func TestAKindOfALaterVersionIsReadButNotWritten(t *testing.T) {
	text := strings.Replace(encode(t, sceneOf(genKey(1, keyrotation.Active)).ring), `"bits":2048`, `"kind":"ml-dsa-44"`, 1)
	doc := store.Document{Data: []byte(text), Version: 1}
	if _, err := keyrotation.ReadRing(doc); err != nil {
		t.Errorf("a signer reads it: %v, want no error", err)
	}
	if _, err := keyrotation.DecodeRing(doc); err == nil {
		t.Error("a rotator reads it, want an error: it would not know what to make")
	}
}

// setKind gives a replica another environment.
func (r *replica) setKind(kind store.Kind) { r.rotator.Policy.KeySpec.Kind = kind }

func TestNoViewerIsRefusedWhileKindsAreMixedAndChanged(t *testing.T) {
	t.Parallel()
	stormy := odds{lost: 40, unanswered: 40, late: 80, refused: 60, crash: 10, timeStep: 8 * time.Second}
	seeds := 3
	if thorough() {
		seeds = 16
	}
	kinds := append(slices.Clone(curveKinds), store.RSA2048, store.RSA3072)
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := mixed(t, seed, 2+int(seed%3)) // in how they sign, too
			w.oracle.every = 8
			w.run(200, calm)
			for range 5 {
				for _, r := range w.replicas {
					r.setKind(kinds[w.rng.IntN(len(kinds))])
				}
				w.run(500, stormy)
			}
			w.quiet()
			w.settled()
			if w.oracle.total == 0 {
				t.Error("got no tokens in the simulation, want some")
			}
		})
	}
}

func TestAKindIsLeftByARotationAndNothingOfItRemains(t *testing.T) {
	t.Parallel()
	before := store.RSA2048
	for _, kind := range append(slices.Clone(curveKinds), store.RSA4096) {
		w := newWorld(t, 0, 2)
		for _, r := range w.replicas {
			r.setKind(before)
		}
		w.run(600, calm)
		made := w.generations()
		for _, r := range w.replicas {
			r.setKind(kind)
		}
		w.quiet()
		w.settled()
		for _, k := range w.store.ring().Keys {
			signs := k.State == keyrotation.Active || k.State == keyrotation.Registered
			if signs && k.Kind != kind {
				t.Errorf("from %s to %s: generation %d is %s and %s", before, kind, k.Generation, k.State, k.Kind)
			}
		}
		if made = w.generations() - made; made < 2 || made > 5 {
			t.Errorf("from %s to %s: got %d generations made, want 2 to 5", before, kind, made)
		}
		before = kind
	}
}

// migrating is a stage whose replicas want ECDSA keys in place of RSA.
func migrating(t *testing.T) *stage {
	s := bootstrapped(t)
	for _, r := range s.replicas {
		r.setKind(store.ECDSAP256)
	}
	return s
}

// kindScenarios are a change of the kind, and the emergency that comes in the
// middle of one.
var kindScenarios = []scenario{
	{"another kind", migrating, func(s *stage) { s.live(propagation + overlap + 20*time.Second) }},
	{"another kind, then a revocation", migrating, func(s *stage) {
		s.pass()
		scenarios[3].plays(s)
	}},
}

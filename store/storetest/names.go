package storetest

import (
	"errors"
	"strings"
	"testing"

	"playtoken/signer"
	"playtoken/store"
)

// BadKeyNames returns names that no key may have. A store's own tests check that
// they are refused before anything is sent or opened.
func BadKeyNames() []string {
	return []string{
		"", " ", ".", "..", "/", "sixsix", strings.Repeat("a", 41), strings.Repeat("a", 70000),
		"UPPERCASE", "camelCase", "a/../bcdefg", "../abcdefg", "abcdefg/..", "abcdefg/", "/abcdefg", "abc/defgh",
		"%2e%2e%2fabc", "abc%2fdefg", "abc%2Fdefg", `abc\defgh`, `..\abcdefg`,
		"abcdefg\x00", "abcdefg\n", "\nabcdefg", "abc defg", "abc-defg", "abc.defg", "abc:defg", "abcdefg*", "abcdefg+",
		"abcdefg?x=1", "abcdefg#x", "abcdefg;x", "àbcdefgh", "abcdefg\u200b", "abcdefg\xff", "ａｂｃｄｅｆｇ",
	}
}

// BadDocumentNames is the same for documents.
func BadDocumentNames() []string {
	names := []string{
		"default", "ring", "ring/", "/default", "//default", "ring//default", "/ring/default", "ring/default/",
		"Ring/default", "RING/default", "ri_ng/default", "ring1/default", "ri-ng/default", "rïng/default",
		"../ring/default", "./ring/default", "ring/../default", "ring/default/../default", "ring/other/default",
		"r%69ng/default", "ring%2fdefault", `ring\default`, " ring/default", "ring /default",
	}
	for _, id := range BadKeyNames() {
		names = append(names, "ring/"+id)
	}
	return names
}

// goodIDs are the longest and shortest names, with every allowed character.
var goodIDs = []string{"_a0_9z_", "abcdefghijklmnopqrstuvwxyz_0123456789_xy"}

// refused fails the test unless err says that the name is invalid: it must not
// look like an error for which a retry helps.
func refused(t *testing.T, what, name string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s(%.50q): got no error, want the name refused", what, name)
	}
	for _, verdict := range []error{
		store.ErrNotFound, store.ErrConflict, store.ErrUnavailable,
		signer.ErrKeyGone, signer.ErrUnavailable,
	} {
		if errors.Is(err, verdict) {
			t.Errorf("%s(%.50q): got the error %v, want one that says that the name is invalid", what, name, err)
		}
	}
}

func badKeyNamesAreRefused(t *testing.T, open func(*testing.T) Store) {
	s, spec := open(t), store.KeySpec{Kind: store.RSA2048}
	neighbour, stored := newKey(t, s, spec)
	bad := append(BadKeyNames(), neighbour+"/../"+neighbour, "../keys/"+neighbour, neighbour+"/config", neighbour+"\x00")
	for _, name := range bad {
		_, err := s.Create(t.Context(), name, spec)
		refused(t, "Create", name, err)
		_, err = s.Describe(t.Context(), name)
		refused(t, "Describe", name, err)
		_, err = s.Sign(t.Context(), name, signer.RS256, make([]byte, 32))
		refused(t, "Sign", name, err)
		refused(t, "Destroy", name, s.Destroy(t.Context(), name))
	}
	if got, err := s.Describe(t.Context(), neighbour); err != nil || got != stored {
		t.Errorf("got %+v, %v of another key, want it untouched", got, err)
	}
	for _, name := range goodIDs {
		if err := s.Destroy(t.Context(), name); err != nil {
			t.Errorf("Destroy(%q): %v", name, err)
		}
		_, err := s.Describe(t.Context(), name)
		want(t, "Describe of a good name", err, store.ErrNotFound)
	}
}

func badDocumentNamesAreRefused(t *testing.T, open func(*testing.T) store.Documents) {
	s := open(t)
	neighbour := "test/" + ID()
	version, err := s.Write(t.Context(), neighbour, []byte("mine"), 0)
	if err != nil {
		t.Fatal(err)
	}
	bad := append(BadDocumentNames(), "ring/../"+neighbour, neighbour+"/../default", neighbour+"\x00")
	for _, name := range bad {
		_, err := s.Read(t.Context(), name)
		refused(t, "Read", name, err)
		for _, v := range []int64{0, version} {
			_, err = s.Write(t.Context(), name, []byte("not mine"), v)
			refused(t, "Write", name, err)
		}
		refused(t, "Delete", name, s.Delete(t.Context(), name))
	}
	if doc, err := s.Read(t.Context(), neighbour); err != nil || string(doc.Data) != "mine" || doc.Version != version {
		t.Errorf("got %q, version %d, %v of another document, want it untouched", doc.Data, doc.Version, err)
	}
	for _, id := range goodIDs {
		if err := s.Delete(t.Context(), "test/"+id); err != nil {
			t.Errorf("Delete(%q): %v", "test/"+id, err)
		}
		_, err := s.Read(t.Context(), "test/"+id)
		want(t, "Read of a good name", err, store.ErrNotFound)
	}
}

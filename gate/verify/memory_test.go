package verify_test

import (
	"crypto"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/gate/verify"
)

// platform is where keys come and go.
type platform map[string]crypto.PublicKey

func (p platform) key(id string) (crypto.PublicKey, bool) {
	key, ok := p[id]
	return key, ok
}

// pastAndFuture are tokens that differ in each thing that decides about them, and
// in one byte of the signature.
func pastAndFuture() (tokens []string) {
	for _, header := range []string{goodHeader, strings.Replace(goodHeader, kid, "other", 1)} {
		for _, claims := range []string{
			goodClaims,
			`{"exp":1700000300}`,
			`{"exp":1700000600,"nbf":1700000200}`,
			`{"exp":1700000500,"sub":"other"}`,
			`{"exp":1700000500,"sub":"*","viewer":"` + strings.Repeat("A", 43) + `"}`,
			`{"exp":1700000500,"viewer":"anna"}`,
		} {
			good := sign(header, claims)
			spoilt := good[:len(good)-9] + string(good[len(good)-9]^1) + good[len(good)-8:]
			tokens = append(tokens, good, spoilt)
		}
	}
	return tokens
}

// TestAMemoryJudgesAsVerifyDoes, after everything that may have come before: clocks go on and are set
// back, keys come, go and are replaced, and other tokens are asked about.
func TestAMemoryJudgesAsVerifyDoes(t *testing.T) {
	tokens := pastAndFuture()
	for _, size := range []int{1, 3, 100} {
		random := rand.New(rand.NewPCG(1, uint64(size)))
		memory, known, remembered := verify.NewMemory(size), platform{}, 0
		for step := range 600 {
			switch random.IntN(40) {
			case 0, 1, 2:
				known[kid] = &ours().PublicKey
			case 3:
				known[kid] = &stranger().PublicKey
			case 4:
				delete(known, kid)
			case 5:
				known["other"] = &ours().PublicKey
			case 6:
				delete(known, "other")
			}
			token, asked := tokens[random.IntN(len(tokens))], []string{video, "other"}[random.IntN(2)]
			at := now.Add(time.Duration(random.IntN(700)) * time.Second)
			want, wrong := verify.Verify(token, asked, at, known.key)
			viewer := ""
			if wrong == nil {
				viewer, wrong = want.Viewer()
			}
			got, err := memory.Verify(token, asked, at, known.key)
			if reason(err) != reason(wrong) || err != nil && err.Error() != wrong.Error() {
				t.Fatalf("step %d of a memory for %d: got %v, want %v", step, size, err, wrong)
			}
			if err != nil {
				continue
			}
			if remembered++; got != (verify.Grant{KeyID: want.KeyID, Viewer: viewer, Expires: want.Expires}) {
				t.Fatalf("step %d of a memory for %d: got %+v, want what %+v says", step, size, got, want)
			}
		}
		if remembered < 20 {
			t.Errorf("got %d tokens that opened a video, want more to compare", remembered)
		}
	}
}

// allocated is how many allocations a call makes: more than a hundred where a
// token is verified, and a few where it is remembered.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

const few = 20

func liveBytes() int64 {
	var live runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&live)
	return int64(live.HeapAlloc)
}

// TestAFloodPushesOutNoTokenThatIsPresentedAgain, and takes no more memory than it
// may, although each token is as long as a token can be.
func TestAFloodPushesOutNoTokenThatIsPresentedAgain(t *testing.T) {
	const size = 50
	memory, rest := verify.NewMemory(size), strings.Repeat("x", 5<<10)
	present := func(token string) {
		if _, err := memory.Verify(token, video, now, keys); err != nil {
			t.Fatal(err)
		}
	}
	often, once := sign(goodHeader, goodClaims), sign(goodHeader, `{"exp":1700000600}`)
	present(often)
	present(once)
	before := liveBytes()
	for i := range 3 * size {
		present(sign(goodHeader, fmt.Sprintf(`{"exp":1700000600,"n":%d,"x":%q}`, i, rest)))
		if n := allocated(func() { present(often) }); n > few {
			t.Fatalf("after %d other tokens the one that is presented again takes %d allocations, want it remembered", i+1, n)
		}
	}
	if grown := liveBytes() - before; grown > size*(2<<10) {
		t.Errorf("a memory for %d tokens holds %d bytes more, want at most 2 KiB for each", size, grown)
	}
	if n := allocated(func() { present(once) }); n <= few {
		t.Errorf("a token that was presented once, before %d others, takes %d allocations, want it forgotten", 3*size, n)
	}
}

// TestAnExpiredTokenIsForgotten, when it is presented or others are.
func TestAnExpiredTokenIsForgotten(t *testing.T) {
	memory, first := verify.NewMemory(100), sign(goodHeader, `{"exp":1700000001}`)
	for _, others := range []bool{false, true} {
		_, err := memory.Verify(first, video, now, keys)
		if err != nil {
			t.Fatal(err)
		}
		late, token, want := now.Add(time.Second), first, verify.TokenExpired
		if others {
			token, want = sign(goodHeader, goodClaims), ""
		}
		if _, err := memory.Verify(token, video, late, keys); reason(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
		if n := allocated(func() { _, err = memory.Verify(first, video, now, keys) }); err != nil || n <= few {
			t.Errorf("by a clock that was set back, with other tokens %t: got %v with %d allocations, want it verified anew", others, err, n)
		}
	}
}

// TestNoTokenOutlivesItsKey, where many viewers present it while its key goes.
func TestNoTokenOutlivesItsKey(t *testing.T) {
	memory, token := verify.NewMemory(10), sign(goodHeader, goodClaims)
	var gone atomic.Bool
	current := func(id string) (crypto.PublicKey, bool) {
		key, ok := keys(id)
		return key, ok && !gone.Load()
	}
	for range 8 {
		gone.Store(false)
		var viewers sync.WaitGroup
		for range 4 {
			viewers.Go(func() {
				for range 60 {
					was := gone.Load()
					if _, err := memory.Verify(token, video, now, current); was && reason(err) != verify.KeyUnknown {
						t.Errorf("after its key had gone the token got %v, want %s", err, verify.KeyUnknown)
					}
				}
			})
		}
		gone.Store(true)
		viewers.Wait()
	}
}

func BenchmarkMemory(b *testing.B) {
	memory, token := verify.NewMemory(10), sign(goodHeader, goodClaims)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := memory.Verify(token, video, now, keys); err != nil {
			b.Fatal(err)
		}
	}
}

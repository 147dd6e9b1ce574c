package rsakey_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"playtoken/signer/rsakey"
	"playtoken/signer/rsakey/eight"
)

// engine is a real one that tells the sizes of its batches, and can be made wrong.
type engine struct {
	real  rsakey.Engine
	sizes chan int // has room for those of a test
	wrong atomic.Bool
	cost  float64
	hold  chan struct{} // nil: batches take no time; otherwise each takes an element
}

func newEngine() *engine { return &engine{real: eight.New(), sizes: make(chan int, 1000)} }

func (e *engine) Sign(requests []*eight.Request) {
	e.sizes <- len(requests)
	if e.hold != nil {
		<-e.hold
	}
	e.real.Sign(requests)
	if e.wrong.Load() {
		requests[0].Err = eight.ErrFault
	}
}

func (e *engine) Cost(int) float64 { return e.cost }

// made are the sizes of the batches so far.
func (e *engine) made() []int {
	sizes := []int{}
	for len(e.sizes) > 0 {
		sizes = append(sizes, <-e.sizes)
	}
	return sizes
}

// waiting are callers of workers that have not been started yet.
type waiting struct {
	*rsakey.Workers
	engine *engine
	all    sync.WaitGroup
	faults atomic.Int64
}

func newWaiting() *waiting {
	w := &waiting{engine: newEngine()}
	w.Workers = rsakey.NewWorkers(rsakey.WorkersConfig{
		Engine: func() rsakey.Engine { return w.engine },
		Fault:  func(error) { w.faults.Add(1) },
	})
	return w
}

// call has a caller wait, and returns where its result will be.
func (w *waiting) call(ctx context.Context, key *rsakey.Key, pair *rsa.PrivateKey) *error {
	result := new(error)
	digest := randomDigest()
	w.all.Go(func() {
		signature, err := w.Sign(ctx, key, digest)
		if err == nil {
			err = rsa.VerifyPKCS1v15(&pair.PublicKey, crypto.SHA256, digest[:], signature.Value)
		}
		*result = err
	})
	return result
}

func batchKey(t *testing.T, bits int) (*rsakey.Key, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsakey.NewForBatches(copyOf(t, pairs()[bits]))
	if err != nil {
		t.Fatal(err)
	}
	return key, pairs()[bits]
}

// inBubble runs a test with a key of 2,048 bits.
func inBubble(t *testing.T, test func(*testing.T, *waiting, *rsakey.Key, *rsa.PrivateKey)) {
	pairs() // outside, because it is shared
	synctest.Test(t, func(t *testing.T) {
		key, pair := batchKey(t, 2048)
		test(t, newWaiting(), key, pair)
	})
}

func TestCallersWhoWaitAreSignedForAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
		larger, largerPair := batchKey(t, 3072)
		var results []*error
		for range eight.Lanes + 3 {
			results = append(results, w.call(t.Context(), key, pair))
		}
		for range 2 {
			results = append(results, w.call(t.Context(), larger, largerPair))
		}
		synctest.Wait()
		w.Start(1)
		w.all.Wait()
		for i, err := range results {
			if *err != nil {
				t.Errorf("caller %d: got %v, want a signature", i, *err)
			}
		}
		sizes := w.engine.made()
		if slices.Sort(sizes); !slices.Equal(sizes, []int{2, 3, eight.Lanes}) {
			t.Errorf("batches for 11 keys of one size and 2 of another: got %v, want [2 3 8]", sizes)
		}
		w.Stop()
	})
}

func TestACallerAloneGetsABatchWhereThatIsCheaper(t *testing.T) {
	for cost, want := range map[float64][]int{rsakey.LibraryCost / 2: {1}, rsakey.LibraryCost * 2: {}} {
		inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
			w.engine.cost = cost
			w.Start(2)
			result := w.call(t.Context(), key, pair)
			w.all.Wait()
			if sizes := w.engine.made(); *result != nil || !slices.Equal(sizes, want) {
				t.Errorf("one caller, batches cost %g of the library: got %v and batches of %v, want a signature and %v", cost/rsakey.LibraryCost, *result, sizes, want)
			}
			w.Stop()
		})
	}
}

func TestOnlySignaturesOfBatchesCountAsVerified(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
		w.engine.cost = 1.5 * rsakey.LibraryCost
		if !key.Public().Equal(&pair.PublicKey) {
			t.Errorf("the key's public key: got %v, want that of the pair", key.Public())
		}
		for callers, want := range map[int]bool{1: false, 2: true} {
			for range callers {
				w.all.Go(func() {
					if signature, err := w.Sign(t.Context(), key, randomDigest()); err != nil || signature.Verified != want {
						t.Errorf("%d callers: got verified = %t, %v, want %t", callers, signature.Verified, err, want)
					}
				})
			}
			synctest.Wait()
			w.ServeOnce(w.engine)
			w.all.Wait()
		}
		w.Stop()
	})
}

// The worker that the first of them wakes does not sign for it alone. Which of them
// runs when is up to Go's scheduler, so a few rounds may go otherwise.
func TestCallersWhoArriveTogetherAreSignedForAtOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	key, _ := batchKey(t, 2048)
	defer key.Close()
	w := newWaiting()
	w.engine.real = instant{}
	w.Start(1)
	const rounds = 50
	for range rounds {
		for range 4 {
			w.all.Go(func() { w.Sign(t.Context(), key, randomDigest()) })
		}
		w.all.Wait()
	}
	w.Stop()
	several := slices.DeleteFunc(w.engine.made(), func(size int) bool { return size == 1 })
	if len(several) < rounds*3/4 {
		t.Errorf("%d rounds of 4 callers: got %d batches for several of them, want about one in each", rounds, len(several))
	}
}

// A second core does not begin a batch for the few who come while another computes
// one, but it does for as many as fill it.
func TestCallersWhoComeDuringABatchMakeTheNextOne(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
		w.engine.hold, w.engine.real, w.engine.cost = make(chan struct{}), instant{}, 0.1 // cheaper than every library
		callers := func(n int) {
			for range n {
				w.call(t.Context(), key, pair)
			}
			synctest.Wait()
		}
		expect := func(when string, want ...int) {
			t.Helper()
			if sizes := w.engine.made(); !slices.Equal(sizes, want) {
				t.Errorf("batches that began %s: got %v, want %v", when, sizes, want)
			}
		}
		callers(2)
		w.Start(3)
		synctest.Wait()
		expect("for two callers", 2)
		callers(1)
		callers(2)
		expect("while that of the two ran")
		w.engine.hold <- struct{}{}
		synctest.Wait()
		expect("when it had ended", 3)
		callers(2*eight.Lanes + 1)
		w.engine.hold <- struct{}{}
		synctest.Wait()
		expect("for 17 who had come by the end of the next", eight.Lanes, eight.Lanes)
		close(w.engine.hold)
		w.all.Wait()
		w.Stop()
	})
}

// instant is an engine that does not compute.
type instant struct{}

func (instant) Sign([]*eight.Request) {}
func (instant) Cost(int) float64      { return 0 }

// On two cores, two callers for whom a batch does not pay are not signed for one
// after another by the same core.
func TestCallersTooFewForABatchAreLeftToOtherWorkers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
		w.engine.cost = 2.5
		first, second := w.call(t.Context(), key, pair), w.call(t.Context(), key, pair)
		synctest.Wait()
		if taken := w.ServeOnce(w.engine); taken != 1 {
			t.Errorf("callers that one worker took: got %d, want 1", taken)
		}
		w.Start(1)
		w.all.Wait()
		if sizes := w.engine.made(); *first != nil || *second != nil || len(sizes) != 0 {
			t.Errorf("two callers: got %v, %v and batches of %v, want two signatures and none", *first, *second, sizes)
		}
		w.Stop()
	})
}

func TestACallerWhoGoesAwaySpoilsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
		gone, leave := context.WithCancel(t.Context())
		left := w.call(gone, key, pair)
		first, second := w.call(t.Context(), key, pair), w.call(t.Context(), key, pair)
		synctest.Wait()
		leave()
		synctest.Wait()
		if !errors.Is(*left, context.Canceled) {
			t.Errorf("caller who went away: got %v, want context.Canceled", *left)
		}
		w.Start(1)
		w.all.Wait()
		if *first != nil || *second != nil {
			t.Errorf("the others: got %v and %v, want signatures", *first, *second)
		}
		if sizes := w.engine.made(); !slices.Equal(sizes, []int{2}) {
			t.Errorf("batches: got %v, want one of the two who wait", sizes)
		}
		w.Stop()
		key.Close() // returns, because no job holds the key
	})
}

func TestAKeyIsWipedAfterTheBatchThatHoldsIt(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
		result := w.call(t.Context(), key, pair)
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			key.Close()
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close while a caller waits for a signature: got it done, want it to wait")
		default:
		}
		w.Start(1)
		<-closed
		w.all.Wait()
		if *result != nil {
			t.Errorf("caller of before Close: got %v, want a signature", *result)
		}
		if _, err := w.Sign(t.Context(), key, randomDigest()); !errors.Is(err, rsakey.ErrClosed) {
			t.Errorf("caller of after Close: got %v, want ErrClosed", err)
		}
		w.Stop()
	})
}

func TestFaultsEndTheMakingOfBatches(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
		w.engine.wrong.Store(true)
		var results []*error
		for range rsakey.MostFaults*eight.Lanes + 2 {
			results = append(results, w.call(t.Context(), key, pair))
		}
		synctest.Wait()
		w.Start(1)
		w.all.Wait()
		refused := 0
		for _, err := range results {
			if errors.Is(*err, eight.ErrFault) {
				refused++
			} else if *err != nil {
				t.Errorf("caller whose own lane was right: got %v, want a signature", *err)
			}
		}
		if got := w.faults.Load(); refused != rsakey.MostFaults || got != rsakey.MostFaults || w.Batches() {
			t.Errorf("a fault in each batch: got %d callers refused, %d faults reported, batches still made: %t; want %d, %d, false",
				refused, got, w.Batches(), rsakey.MostFaults, rsakey.MostFaults)
		}
		if sizes := w.engine.made(); len(sizes) != rsakey.MostFaults {
			t.Errorf("batches: got %d, want %d, and the last two callers served without", len(sizes), rsakey.MostFaults)
		}
		w.Stop()
	})
}

func TestStoppedWorkersServeThoseWhoWait(t *testing.T) {
	inBubble(t, func(t *testing.T, w *waiting, key *rsakey.Key, pair *rsa.PrivateKey) {
		gone, leave := context.WithCancel(t.Context())
		w.call(gone, key, pair)
		synctest.Wait()
		leave() // a job without a caller is left in the queue
		result := w.call(t.Context(), key, pair)
		synctest.Wait()
		w.Start(2)
		w.Stop()
		w.all.Wait()
		if *result != nil {
			t.Errorf("caller of before Stop: got %v, want a signature", *result)
		}
		if _, err := w.Sign(t.Context(), key, randomDigest()); !errors.Is(err, rsakey.ErrStopped) {
			t.Errorf("caller of after Stop: got %v, want ErrStopped", err)
		}
		key.Close() // returns, because no job holds the key
	})
}

func TestManyCallersOfManyKeys(t *testing.T) {
	w := rsakey.NewWorkers(rsakey.WorkersConfig{Cores: 2, Engine: func() rsakey.Engine { return newEngine() }})
	defer w.Stop()
	var all sync.WaitGroup
	for _, bits := range []int{2048, 2048, 3072} {
		key, pair := batchKey(t, bits)
		defer key.Close()
		for range 8 {
			all.Go(func() {
				digest := randomDigest()
				signature, err := w.Sign(t.Context(), key, digest)
				if err == nil {
					err = rsa.VerifyPKCS1v15(&pair.PublicKey, crypto.SHA256, digest[:], signature.Value)
				}
				if err != nil {
					t.Errorf("signature with a key of %d bits: got %v, want a good one", bits, err)
				}
			})
		}
	}
	all.Wait()
}

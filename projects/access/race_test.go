package access_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/filekeys"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// race lets callers redeem one refresh token at once, on all replicas, and
// returns what the winners got. No more than one may win.
func race(t testing.TB, replicas []*access.Access, callers int, token secret.Value) (won []access.Tokens) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, a := range replicas {
		for range callers {
			wg.Go(func() {
				got, err := a.Refresh(t.Context(), token)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won = append(won, got)
				case !errors.Is(err, access.ErrCredentials) && !errors.Is(err, store.ErrUnavailable):
					t.Errorf("redemption: got %v, want ErrCredentials or ErrUnavailable", err)
				}
			})
		}
	}
	wg.Wait()
	if len(won) > 1 {
		t.Fatalf("one token: got %d redemptions that succeeded, want at most 1", len(won))
	}
	return won
}

// revoked fails the test unless the family is over: nothing of it is good,
// neither the token that all presented nor what the winner got.
func revoked(t testing.TB, a *access.Access, token secret.Value, won []access.Tokens) {
	t.Helper()
	for range 2 {
		_, err := a.Refresh(t.Context(), token)
		refused(t, "the token that was presented often", err)
	}
	for _, w := range won {
		_, err := a.Refresh(t.Context(), w.Refresh)
		refused(t, "the successor", err)
	}
}

// TestOfAHundredCallersOnThreeReplicasAtMostOneRedeems is about a store that
// fails in every way; time is not real, so that waiting costs nothing.
func TestOfAHundredCallersOnThreeReplicasAtMostOneRedeems(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 50
	}
	winners, losers := 0, 0
	synctest.Test(t, func(t *testing.T) {
		docs := newMemory()
		replicas := trio(t, docs, docs, docs)
		for n := range rounds {
			docs.faulty(0, 0, 0)
			token := exchange(t, replicas[n%3]).Refresh
			if n%4 > 0 {
				docs.faulty(2*(n%4), 2*(n%4), 2*(n%4))
			}
			won := race(t, replicas, 100, token)
			docs.faulty(0, 0, 0)
			// A caller without a result may retry, and succeeds if no other has.
			again := race(t, replicas, 1, token)
			if won = append(won, again...); len(won) > 1 {
				t.Fatalf("round %d: got a second redemption that succeeded later, want none", n)
			}
			revoked(t, replicas[0], token, won)
			winners, losers = winners+len(won), losers+1-len(won)
		}
	})
	t.Logf("%d rounds of 300 callers: %d had a winner, in %d the winner's answer was lost", rounds, winners, losers)
	if winners == 0 || losers == 0 && !testing.Short() {
		t.Error("got only one kind of outcome, want both")
	}
}

// trio is three replicas, each with its own handle on a store.
func trio(t testing.TB, handles ...store.Documents) []*access.Access {
	t.Helper()
	var replicas []*access.Access
	keys := newCallers()
	for _, h := range handles {
		replicas = append(replicas, replica(t, h, keys, unsigned{}))
	}
	return replicas
}

// raceOnReal goes on for some seconds, and says how far it came; for a thousand
// rounds if that is what was asked for.
func raceOnReal(t *testing.T, handles ...store.Documents) {
	replicas := trio(t, handles...)
	budget, least := 5*time.Second, 1
	switch {
	case os.Getenv("PLAYTOKEN_TEST_CHAOS") != "":
		least = 1000
	case testing.Short():
		budget = time.Second
	}
	rounds, winners := 0, 0
	for end := time.Now().Add(budget); rounds < least || time.Now().Before(end); rounds++ {
		token := exchange(t, replicas[rounds%3]).Refresh
		won := race(t, replicas, 100, token)
		revoked(t, replicas[rounds%3], token, won)
		winners += len(won)
	}
	t.Logf("%d rounds of 300 callers, %d winners", rounds, winners)
	if winners != rounds {
		t.Errorf("got %d redemptions in %d rounds without faults, want one in each", winners, rounds)
	}
}

func TestAtMostOneRedeemsOnAFileStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	var handles []store.Documents
	for n := range 3 {
		s, err := filekeys.Open(path, secret.New("correct horse battery staple"), filekeys.Options{Create: n == 0, Patience: time.Minute, WorkFactor: 2})
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, s)
	}
	raceOnReal(t, handles...)
}

func TestAtMostOneRedeemsOnVault(t *testing.T) {
	server := vaulttest.Shared(t)
	transit, kv := server.Mount(t)
	open := func() store.Documents {
		s, err := vaultkeys.Open(t.Context(), vaultkeys.Config{
			Address: server.Addr, Token: secret.New(server.RootToken), Transit: transit, KV: kv,
			Transport: &http.Transport{MaxIdleConnsPerHost: 16},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	raceOnReal(t, open(), open(), open())
}

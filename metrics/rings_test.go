package metrics_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
)

var errAway = errors.New("the store is unavailable")

func TestGaugesComeFromTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newService(t), &rotation{ring: someRing()}
		s.Watch("default", r)
		e := scrape(t, s)
		for _, state := range []string{"planned", "generated", "registering", "retiring", "deleting", "abandoning", "revoking", "quarantined"} {
			e.shows(t, 0, "playtoken_signing_keys", "default", state)
		}
		e.shows(t, 2, "playtoken_signing_keys", "default", "deleted")
		e.shows(t, 1, "playtoken_signing_keys", "default", "active")
		e.shows(t, 1, "playtoken_signing_keys", "default", "registered")
		e.shows(t, 3600, "playtoken_active_key_age_seconds", "default")
		e.shows(t, 7200, "playtoken_rotation_next_action_seconds", "default")
		e.shows(t, 1800, "playtoken_rotation_last_success_age_seconds", "default")
		e.shows(t, 60, "playtoken_rotation_last_look_age_seconds", "default")
		e.shows(t, 0, "playtoken_rotation_overdue", "default")
		e.shows(t, 2, "playtoken_keys_unrecognised", "default")
		e.shows(t, 0, "playtoken_ring_stale_seconds", "default")
		e.shows(t, 3, "playtoken_keys_held", "default")
		e.shows(t, 4, "playtoken_keys_budget", "default")
		e.shows(t, 1, "playtoken_finding", "default", "key_unmanaged")
		if n := len(e.families["playtoken_finding"].Metric); n != 1 {
			t.Errorf("got %d series of findings, want one for each code", n)
		}
	})
}

func TestGaugesOfWhatHasNotHappenedAreMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newService(t), &rotation{overdue: true}
		s.Watch("default", r)
		e := scrape(t, s)
		for _, name := range []string{
			"playtoken_active_key_age_seconds", "playtoken_rotation_next_action_seconds",
			"playtoken_rotation_last_success_age_seconds", "playtoken_rotation_last_look_age_seconds",
		} {
			if got, there := e.value(name, "default"); there {
				t.Errorf("%s = %v, want no series for an empty ring", name, got)
			}
		}
		e.shows(t, 0, "playtoken_signing_keys", "default", "active")
		e.shows(t, 1, "playtoken_rotation_overdue", "default")
	})
}

func TestAnUnavailableStoreLeavesTheOldValuesAndTheirAge(t *testing.T) {
	for name, down := range map[string]func(*rotation){
		"error": func(r *rotation) { r.err = errAway },
		"hangs": func(r *rotation) { r.hangs = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, r := newService(t), &rotation{ring: someRing()}
				s.Watch("default", r)
				scrape(t, s)
				r.set(down)
				time.Sleep(time.Hour)
				began := time.Now()
				e := scrape(t, s)
				took := time.Since(began)
				if took > time.Second {
					t.Errorf("the scrape took %s, want 1s at most", took)
				}
				e.shows(t, 7200+took.Seconds(), "playtoken_active_key_age_seconds", "default")
				e.shows(t, 3600+took.Seconds(), "playtoken_ring_stale_seconds", "default")
				r.set(func(r *rotation) { r.err, r.hangs = nil, false })
				time.Sleep(5 * time.Second)
				scrape(t, s).shows(t, 0, "playtoken_ring_stale_seconds", "default")
			})
		})
	}
}

func TestAStoreThatNeverRespondedHidesOnlyTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.Watch("default", &rotation{err: errAway})
		time.Sleep(time.Minute)
		e := scrape(t, s)
		e.shows(t, 60, "playtoken_ring_stale_seconds", "default")
		if _, there := e.value("playtoken_signing_keys", "default", "active"); there {
			t.Error("got a series of signing keys before the first read, want none")
		}
		e.shows(t, 1, "playtoken_build_info", "v1.2.3", "abcdef")
	})
}

func TestARingIsReadAtMostEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newService(t), &rotation{ring: someRing()}
		s.Watch("default", r)
		for range 100 { // ten seconds
			go get(s)
			scrape(t, s)
			time.Sleep(100 * time.Millisecond)
		}
		if r.reads != 2 {
			t.Errorf("got %d reads in ten seconds, want 2", r.reads)
		}
	})
}

func TestScrapesDoNotQueueBehindAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newService(t), &rotation{ring: someRing()}
		s.Watch("default", r)
		scrape(t, s)
		r.set(func(r *rotation) { r.hangs = true })
		time.Sleep(10 * time.Second)
		go get(s)
		synctest.Wait()
		began := time.Now()
		scrape(t, s).shows(t, 3610, "playtoken_active_key_age_seconds", "default")
		if took := time.Since(began); took != 0 {
			t.Errorf("the second scrape took %s, want no wait", took)
		}
		time.Sleep(time.Second) // the first one ends
	})
}

func TestOneRingThatHangsDoesNotKeepTheOthersOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, bad, good := newService(t), &rotation{hangs: true}, &rotation{ring: someRing()}
		s.Watch("bad", bad)
		s.Watch("good", good)
		scrape(t, s) // is spent waiting for the bad one
		scrape(t, s).shows(t, 0, "playtoken_ring_stale_seconds", "good")
		time.Sleep(10 * time.Second)
		scrape(t, s)
		if bad.reads != 2 || good.reads != 1 {
			t.Errorf("got %d reads of the bad ring and %d of the good one, want 2 and 1", bad.reads, good.reads)
		}
		scrape(t, s)
		if good.reads != 2 {
			t.Errorf("got %d reads of the good ring, want 2", good.reads)
		}
	})
}

func TestUnknownStatesOfKeysAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.Watch("default", &rotation{ring: keyrotation.Ring{Keys: []keyrotation.Key{{State: "a_new_state"}}}})
		e := scrape(t, s)
		e.shows(t, 1, "playtoken_signing_keys", "default", "a_new_state")
		if n := len(e.families["playtoken_signing_keys"].Metric); n != 12 {
			t.Errorf("got %d states, want 12", n)
		}
		if !slices.Contains(e.ours(), "playtoken_signing_keys gauge {project,state}") {
			t.Errorf("got the families %q, want playtoken_signing_keys among them", e.ours())
		}
	})
}

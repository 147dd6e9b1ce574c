package keyrotation_test

import (
	"testing"
	"time"

	"playtoken/keyrotation"
)

// breakGlass deletes a key at the platform while the store is away, as an operator
// does who cannot wait for the store.
func (s *stage) breakGlass(generation int) keyrotation.Key {
	k := s.lose(generation)
	script := s.script
	s.script = func(_ *replica, op string) fate {
		if atPlatform[op] {
			return asAsked
		}
		return fate{err: errLost}
	}
	s.platform.remove(k.KeyID)
	s.mustFail(s.pass(), errLost)
	s.script = script
	s.wait(time.Minute)
	return k
}

// TestTheRingFollowsAKeyRevokedAtThePlatformAlone: the standby signs from the
// second look on, there is another standby, and when the tokens have expired
// neither store nor ring keep the key.
func TestTheRingFollowsAKeyRevokedAtThePlatformAlone(t *testing.T) {
	for generation, want := range map[int]string{
		1: "1 quarantined, 2 active, 3 registered",
		2: "1 active, 2 quarantined, 3 registered",
	} {
		s := bootstrapped(t)
		k := s.breakGlass(generation)
		s.must(s.observe())
		s.wait(settle)
		s.must(s.pass())
		s.want(want)
		s.must(s.live(2*time.Minute + overlap)) // looks are a minute apart
		if got := s.key(generation).State; got != keyrotation.Deleted {
			t.Errorf("after the overlap: got state %s of generation %d, want %s", got, generation, keyrotation.Deleted)
		}
		s.gone(k)
	}
}

// TestAKeyRevokedAtThePlatformAloneDoesNotComeBack: neither a restored platform nor
// a late copy makes its tokens good again for long.
func TestAKeyRevokedAtThePlatformAloneDoesNotComeBack(t *testing.T) {
	s := bootstrapped(t)
	shown := s.platform.keys[s.key(1).KeyID]
	k := s.breakGlass(1)
	s.must(s.live(2*time.Minute + overlap))
	s.platform.keys[shown.ID] = shown
	s.must(s.live(4 * time.Minute))
	s.gone(k)
}

// TestALostKeyThatIsShownAgainStaysForTheOperator.
func TestALostKeyThatIsShownAgainStaysForTheOperator(t *testing.T) {
	s := bootstrapped(t)
	shown := s.platform.keys[s.key(1).KeyID]
	s.breakGlass(1)
	s.must(s.live(2 * settle))
	s.want("1 quarantined, 2 active, 3 registered")
	s.platform.keys[shown.ID] = shown
	s.must(s.live(overlap + 4*settle))
	s.want("1 quarantined, 2 active, 3 registered")
	_, err := s.order((*keyrotation.Rotator).Release, 1)
	s.must(err)
	if k := s.key(1); k.State != keyrotation.Retiring {
		t.Errorf("released: got state %s, want %s", k.State, keyrotation.Retiring)
	}
}

// TestRevokingAKeyThatThePlatformLostIsDoneAtOnce: the operator need not wait for
// the tokens.
func TestRevokingAKeyThatThePlatformLostIsDoneAtOnce(t *testing.T) {
	s := bootstrapped(t)
	k := s.breakGlass(1)
	_, err := s.revoke(1)
	s.must(err)
	s.must(s.live(settle))
	s.want("1 deleted, 2 active, 3 registered")
	s.gone(k)
}

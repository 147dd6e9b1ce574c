package timeline_test

import (
	"fmt"
	"time"

	"playtoken/web/timeline"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// rotating is a ring as the demo has it: a standby, the key that signs, one that
// has to stay and one that is gone.
func rotating() timeline.Picture {
	return timeline.Picture{
		Now: noon, From: after(-100), Until: after(50),
		Keys: []timeline.Key{
			{Generation: 4, State: "registered", KeyID: "k4", CreatedAt: after(-8), RegisteredAt: after(-6)},
			{Generation: 3, State: "active", KeyID: "k3", CreatedAt: after(-38), RegisteredAt: after(-36), ActivatedAt: after(-10)},
			{Generation: 2, State: "retiring", KeyID: "k2", CreatedAt: after(-68), RegisteredAt: after(-66), ActivatedAt: after(-40), RetiredAt: after(-10), DeleteNotBefore: after(22)},
			{Generation: 1, State: "deleted", KeyID: "k1", CreatedAt: after(-98), RegisteredAt: after(-96), ActivatedAt: after(-70), RetiredAt: after(-40), DeleteNotBefore: after(-8), DeletedAt: after(-5)},
		},
		Moves: []timeline.Move{
			{Action: "look", Why: "a routine look is due", NotBefore: after(4)},
			{Action: "activate", Generation: 4, KeyID: "k4", Why: "generation 3 has signed long enough", NotBefore: after(20)},
			{Action: "delete", Generation: 2, KeyID: "k2", Why: "no token of it can still be alive", NotBefore: after(22)},
		},
		Tokens: []timeline.Token{
			{KeyID: "k2", IssuedAt: after(-22), ExpiresAt: after(-2)},
			{KeyID: "k3", IssuedAt: after(-9), ExpiresAt: after(11), Playing: true},
		},
	}
}

// troubled is a ring in which much went wrong.
func troubled() timeline.Picture {
	return timeline.Picture{
		Now: noon, From: after(-1800), Until: after(1800),
		Keys: []timeline.Key{
			{Generation: 9, State: "planned", CreatedAt: after(-20)},
			{Generation: 8, State: "registering", CreatedAt: after(-300)},
			{Generation: 7, State: "quarantined", KeyID: "k7", CreatedAt: after(-1500), RegisteredAt: after(-1400), ActivatedAt: after(-1200), RetiredAt: after(-600), Note: "the platform shows another key under its id"},
			{Generation: 6, State: "abandoning", KeyID: "k6", CreatedAt: after(-1700), RegisteredAt: after(-1600), Note: "of a kind that is not wanted any more"},
			{Generation: 5, State: "retiring", KeyID: "k5", CreatedAt: after(-90000), RegisteredAt: after(-80000), ActivatedAt: after(-7000), RetiredAt: after(-1200), DeleteNotBefore: after(-100)},
			{Generation: 4, State: "deleting", KeyID: "k4", CreatedAt: after(-90000), RegisteredAt: after(-80000), ActivatedAt: after(-9000), RetiredAt: after(-1700), DeleteNotBefore: after(-900)},
			{Generation: 3, State: "revoking", KeyID: "k3", CreatedAt: after(-90000), RegisteredAt: after(-80000), ActivatedAt: after(-1750), RetiredAt: after(-1000), Note: `<b title="x">leaked</b> & lost`},
		},
		Moves: []timeline.Move{
			{Action: "register", Generation: 8, Why: "the platform holds 10 keys of ours, the whole budget"},
			{Action: "delete", Generation: 5, KeyID: "k5", Why: "no token of it can still be alive", NotBefore: after(-100)},
			{Action: "withdraw", Generation: 3, KeyID: "k3", Why: "revoked", NotBefore: after(-1)},
			{Action: "destroy", Generation: 3, KeyID: "k3", Why: "revoked", NotBefore: after(-1)},
			{Action: "plan", Generation: 10, Why: "there is no standby", NotBefore: after(600)},
		},
	}
}

// crowded is a ring of fifty generations, one a week.
func crowded() timeline.Picture {
	const week = 7 * 24 * time.Hour
	p := timeline.Picture{Now: noon, From: noon.Add(-330 * 24 * time.Hour), Until: noon.Add(35 * 24 * time.Hour)}
	for g := 50; g > 0; g-- {
		made := noon.Add(-time.Duration(50-g) * week)
		k := timeline.Key{
			Generation: g, State: "deleted", KeyID: fmt.Sprintf("key%017d", g), CreatedAt: made.Add(-2 * week), RegisteredAt: made.Add(-2*week + time.Hour),
			ActivatedAt: made, RetiredAt: made.Add(week), DeleteNotBefore: made.Add(week + time.Hour), DeletedAt: made.Add(week + 2*time.Hour),
		}
		if g == 50 {
			k.State, k.RetiredAt, k.DeleteNotBefore, k.DeletedAt = "active", time.Time{}, time.Time{}, time.Time{}
		}
		p.Keys = append(p.Keys, k)
	}
	return p
}

package platformtest

import (
	"encoding/base64"
	"encoding/pem"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is what goes wrong with one call. The zero Fault is: nothing.
type Fault struct {
	Effect Effect        // what becomes of a write
	Delay  time.Duration // of Later

	Answer     Answer // what the caller gets to see
	Status     int    // of Says
	RetryAfter string // header of Says, as it is; empty: none
	Echo       bool   // the answer repeats the caller's credential (HTTP only)

	View  View          // what a list shows
	Stale time.Duration // a list or get shows what was true so long ago
}

// Effect is what becomes of a register or delete.
type Effect int

const (
	Once  Effect = iota
	Never        // nothing, whatever the answer says
	Twice        // two registrations of the same key
	Later        // not before Fault.Delay, or Standin.Land
)

// Answer is what comes back. Over HTTP each is a different thing on the wire;
// in process all but Honest and Says are the same error, and come at once.
type Answer int

const (
	Honest       Answer = iota
	Says                // a status that is not 2xx
	Lost                // the connection ends without a word
	Silent              // not a word, until the caller gives up
	Unsuccessful        // 200, with a refusal in the body
	HTML                // 200, a page for people
	Empty               // 200, no body
	Truncated           // 200, half of it, properly ended
	Cut                 // 200, half of it, then the connection ends
	Endless             // 200, a body without end
	Slow                // 200, a byte a second
	Deep                // 200, nested a thousand times
	Duplicated          // 200, with a member that appears twice
	Garbled             // 200, with invalid UTF-8
	Mistaken            // 200, about another key than was asked for
	Redirected          // 307 to another host
)

// unclear are the answers that tell nothing about what the call did.
var unclear = map[string]Answer{
	"lost": Lost, "silent": Silent, "unsuccessful": Unsuccessful, "html": HTML, "empty": Empty,
	"truncated": Truncated, "cut": Cut, "endless": Endless, "slow": Slow, "deep": Deep,
	"duplicated": Duplicated, "garbled": Garbled, "redirected": Redirected,
}

// View is how a list shows the keys.
type View int

const (
	True      View = iota
	Reordered      // newest first
	Rewrapped      // public keys in lines of another length
	CRLF           // public keys with another line end
	Sparse         // every second key is left out, and nothing says so
	Strangers      // another account's key, and none of ours

	Doubled  // every key twice. From here on, no client may believe the list
	Circular // the next page is this page
	Unending // there is always one more page
	Abroad   // the next page is on another host
	Astray   // the next page is another resource
)

// Refuse is a platform that says no and does nothing.
func Refuse(status int) Fault { return Fault{Effect: Never, Answer: Says, Status: status} }

// Throttle is a 429 with this Retry-After.
func Throttle(retryAfter string) Fault {
	return Fault{Effect: Never, Answer: Says, Status: http.StatusTooManyRequests, RetryAfter: retryAfter}
}

// Chaos is a hook that lets about share of all calls go wrong, in the same way
// for the same seed and the same calls. What happens later happens within
// delay; what is stale is no older. A Get may fail, but never shows anything
// but the truth, and nothing is answered with success that did not happen.
func Chaos(seed uint64, share float64, delay time.Duration) func(Call) Fault {
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(seed, 2))
	return func(call Call) Fault {
		mu.Lock()
		defer mu.Unlock()
		if dice.Float64() >= share {
			return Fault{}
		}
		return roll(dice, call.Op, delay)
	}
}

// roll never combines a refusal with an effect: a platform that says no and
// does it all the same is not one that anybody can work with.
func roll(dice *rand.Rand, op Op, delay time.Duration) Fault {
	if dice.IntN(4) == 0 {
		return Refuse([]int{400, 401, 403, 429, 429, 500, 503}[dice.IntN(7)])
	}
	f := Fault{Effect: Effect(dice.IntN(4)), Delay: within(dice, delay)}
	lost := []Fault{{Answer: Lost}, {Answer: Unsuccessful}, {Answer: Says, Status: 409}, {Answer: Says, Status: 503}}
	if op == OpList && dice.IntN(2) == 0 {
		f.View, f.Stale = View(dice.IntN(int(Doubled)+1)), within(dice, delay)
		return f
	}
	if f.Effect == Twice && dice.IntN(2) == 0 {
		return f // and answered, as if nothing were wrong
	}
	l := lost[dice.IntN(len(lost))]
	f.Answer, f.Status = l.Answer, l.Status
	return f
}

func within(dice *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(dice.Int64N(int64(d) + 1))
}

// Show is what a list shows of rows.
func (f Fault) Show(rows []Record) []Record {
	switch f.View {
	case Reordered:
		slices.Reverse(rows)
	case Rewrapped, CRLF:
		for i := range rows {
			rows[i].PublicKey = f.relay(rows[i].PublicKey)
		}
	case Sparse:
		kept := rows[:0]
		for i, r := range rows {
			if i%2 == 1 {
				kept = append(kept, r)
			}
		}
		return kept
	case Strangers:
		return []Record{{Serial: 1, ID: "somebody-elses-key", Name: "somebody else's", PublicKey: PublicKey(0)}}
	case Doubled:
		return append(rows, rows...)
	}
	return rows
}

// relay lays a PEM text out in another way.
func (f Fault) relay(public string) string {
	block, _ := pem.Decode([]byte(public))
	if block == nil {
		return public
	}
	if f.View == CRLF {
		return strings.ReplaceAll(public, "\n", "\r\n")
	}
	var text strings.Builder
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(block.Bytes)), 48) {
		text.Write(line)
		text.WriteByte('\n')
	}
	return "-----BEGIN PUBLIC KEY-----\n" + text.String() + "-----END PUBLIC KEY-----"
}

package standin

import (
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is what goes wrong with one call. With the zero Fault, nothing does.
type Fault struct {
	Effect Effect        // what the write does
	Delay  time.Duration // of Later

	Response   Response // what the caller sees
	Status     int      // of ErrorStatus
	RetryAfter string   // header of ErrorStatus, verbatim; empty: no such header
	Echo       bool     // the response repeats the caller's credential (HTTP only)

	View  View          // what a list shows
	Stale time.Duration // how old the state is that a list or get shows
}

// Effect is what a register, issue or delete does to the account.
type Effect int

const (
	Once  Effect = iota
	Never        // nothing, whichever response the caller sees
	Twice        // creates two keys
	Later        // as Once, after Fault.Delay or when Keys.Land is called
)

// Response is what the caller of a call sees. Over HTTP each is a different
// sequence of bytes. In process all but Normal and ErrorStatus are the same
// error, which is returned without a delay.
type Response int

const (
	Normal       Response = iota
	ErrorStatus           // a status other than 2xx
	Lost                  // the connection closes before the response
	Silent                // no response until the client gives up
	Unsuccessful          // 200, with a refusal in the body
	HTML                  // 200, a web page
	Empty                 // 200, no body
	Truncated             // 200, the first half of the body, correctly ended
	Cut                   // 200, the first half of the body, then the connection closes
	Endless               // 200, a body without end
	Slow                  // 200, a byte each second
	Deep                  // 200, a body with a thousand nested arrays
	Duplicated            // 200, a body with a member that appears twice
	InvalidUTF8           // 200, a body with invalid UTF-8
	WrongKey              // 200, a body that describes another key
	Redirected            // 307 to another host
)

// unclear are the responses that leave open whether the call took effect.
var unclear = map[string]Response{
	"lost": Lost, "silent": Silent, "unsuccessful": Unsuccessful, "html": HTML, "empty": Empty,
	"truncated": Truncated, "cut": Cut, "endless": Endless, "slow": Slow, "deep": Deep,
	"duplicated": Duplicated, "invalid UTF-8": InvalidUTF8, "redirected": Redirected,
}

// Unclear returns, by name, the responses that leave open whether the call
// took effect.
func Unclear() map[string]Response { return maps.Clone(unclear) }

// View is how a list shows the keys, and how other responses show one.
type View int

const (
	Accurate     View = iota
	Reordered         // newest first
	Rewrapped         // public keys in lines of another length
	CRLF              // public keys with CRLF at the ends of lines
	Spaced            // public keys with blanks inside the BEGIN and END lines
	OneLine           // public keys with \n spelled out
	CutOff            // the first 40 characters of public keys' base64, 12 of issued keys' names
	Sparse            // every second key is missing
	OtherAccount      // one key of another account, and none of this account

	// A client must reject the list in each of these views.

	Doubled       // every key twice
	Circular      // the link to the next page leads to this page
	Unending      // every page has a link to a next page
	OtherHost     // the link to the next page leads to another host
	OtherResource // the link to the next page leads to another resource
)

// Refuse is the fault of a platform that refuses a call, without an effect.
func Refuse(status int) Fault {
	return Fault{Effect: Never, Response: ErrorStatus, Status: status}
}

// Throttle is a refusal with status 429 and a Retry-After header.
func Throttle(retryAfter string) Fault {
	return Fault{Effect: Never, Response: ErrorStatus, Status: http.StatusTooManyRequests, RetryAfter: retryAfter}
}

// Chaos returns a function for Options.Fault by which about this share of all
// calls fail. The same seed and calls give the same faults. A delayed change
// takes effect within delay, and a stale list is no older than delay. A get
// may fail but is never stale, and no call without an effect is reported as a
// success.
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

// roll returns a random fault. It never combines a refusal with an effect: no
// client can work with a platform that refuses a call and carries it out.
func roll(dice *rand.Rand, op Op, delay time.Duration) Fault {
	if dice.IntN(4) == 0 {
		return Refuse([]int{400, 401, 403, 429, 429, 500, 503}[dice.IntN(7)])
	}
	f := Fault{Effect: Effect(dice.IntN(4)), Delay: within(dice, delay)}
	lost := []Fault{{Response: Lost}, {Response: Unsuccessful}, {Response: ErrorStatus, Status: 409}, {Response: ErrorStatus, Status: 503}}
	if op == OpList && dice.IntN(2) == 0 {
		f.View, f.Stale = View(dice.IntN(int(Doubled)+1)), within(dice, delay)
		return f
	}
	if f.Effect == Twice && dice.IntN(2) == 0 {
		return f // with a normal response
	}
	l := lost[dice.IntN(len(lost))]
	f.Response, f.Status = l.Response, l.Status
	return f
}

func within(dice *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(dice.Int64N(int64(d) + 1))
}

// Show returns the rows that a list with this fault shows in place of rows.
func (f Fault) Show(rows []Record) []Record {
	switch f.View {
	case Reordered:
		slices.Reverse(rows)
	case Rewrapped, CRLF, Spaced, OneLine, CutOff:
		for i := range rows {
			rows[i] = f.LaidOut(rows[i])
		}
	case Sparse:
		kept := rows[:0]
		for i, r := range rows {
			if i%2 == 1 {
				kept = append(kept, r)
			}
		}
		return kept
	case OtherAccount:
		return []Record{{Serial: 1, ID: "key-of-another-account", Name: "another account's", PublicKey: PublicKey(0)}}
	case Doubled:
		return append(rows, rows...)
	}
	return rows
}

// LaidOut is a key as a response with this fault shows it.
func (f Fault) LaidOut(r Record) Record {
	if f.View == CutOff && r.Value != "" {
		r.Name = r.Name[:min(len(r.Name), 12)]
	}
	r.PublicKey = f.reformat(r.PublicKey)
	return r
}

// reformat lays out a PEM text in another way.
func (f Fault) reformat(public string) string {
	block, _ := pem.Decode([]byte(public))
	if block == nil {
		return public
	}
	switch f.View {
	case CRLF:
		return strings.ReplaceAll(public, "\n", "\r\n")
	case Spaced:
		return strings.NewReplacer("-----BEGIN PUBLIC KEY-----", "----- BEGIN PUBLIC KEY -----",
			"-----END PUBLIC KEY-----", "----- END PUBLIC KEY -----").Replace(public)
	case OneLine:
		return strings.ReplaceAll(public, "\n", `\n`)
	case CutOff:
		return public[:len("-----BEGIN PUBLIC KEY-----\n")+40] + "..."
	case Rewrapped:
		return rewrapped(block)
	}
	return public
}

// rewrapped has lines of another length.
func rewrapped(block *pem.Block) string {
	var text strings.Builder
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(block.Bytes)), 48) {
		text.Write(line)
		text.WriteByte('\n')
	}
	return "-----BEGIN PUBLIC KEY-----\n" + text.String() + "-----END PUBLIC KEY-----"
}

package metrics

import (
	"context"
	"sync"
	"time"

	"playtoken/keyrotation"
)

// comparedFor is how long the clocks are not compared again.
const comparedFor = 30 * time.Second

// StoreTime is a store's own clock. It must return when its context ends.
type StoreTime func(context.Context) (time.Time, error)

// clock compares the clock of this process with that of the store.
type clock struct {
	mu    sync.Mutex
	store StoreTime // nil: the store has none
	asked time.Time
	ahead time.Duration
	known bool // the store has said its time
}

// use has the clock compared with that of a store.
func (c *clock) use(store StoreTime) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store = store
}

// compare asks the store for its time, unless that was done just now. Where it
// does not respond, what was last known is kept.
func (c *clock) compare(ctx context.Context, now time.Time) {
	c.mu.Lock()
	store, fresh := c.store, now.Sub(c.asked) < comparedFor
	c.mu.Unlock()
	if store == nil || fresh || ctx.Err() != nil {
		return
	}
	ahead, err := keyrotation.ClockAhead(ctx, time.Now, store)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = now
	if err == nil {
		c.ahead, c.known = ahead, true
	}
}

func (c *clock) collect(to sink) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		to.gauge(clockAhead, c.ahead.Seconds())
	}
}

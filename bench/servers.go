package main

import "context"

// The names under which a server that mints distinct tokens is measured: at full
// load, at half of it, and with one request at a time.
func halfOf(name string) string  { return name + ", at half load" }
func aloneOf(name string) string { return name + ", one at a time" }

// enterMinter adds a server that mints, at each load. Full load is that of
// callers who each send the next request as soon as they have a response; at half
// load, requests come at half that rate, at random moments.
func (b *bench) enterMinter(ctx context.Context, s *server, name string) error {
	full, half, alone := mintDistinct(b.world.apiKey), mintDistinct(b.world.apiKey), mintDistinct(b.world.apiKey)
	half.pace = func() float64 { return full.rate / 2 }
	half.next.Store(1 << 40) // other tokens
	alone.connections = 1
	alone.next.Store(1 << 41)
	b.minters = append(b.minters, name)
	for _, c := range []struct {
		name string
		load *load
	}{{name, full}, {halfOf(name), half}, {aloneOf(name), alone}} {
		if err := b.enter(ctx, s, c.name, c.load); err != nil {
			return err
		}
	}
	return nil
}

// enterPeers adds the servers that a site would write for itself.
func (b *bench) enterPeers(ctx context.Context) error {
	naive, err := b.startNaive(ctx)
	if err != nil {
		return err
	}
	if err := b.enterMinter(ctx, naive, naiveServing); err != nil {
		return err
	}
	if !b.rivals {
		return nil
	}
	for _, name := range []string{nodeServing, joseServing} {
		node, err := b.startNode(ctx, name)
		if err != nil {
			b.note("%s: %v", name, err)
			continue
		}
		if err := b.enterMinter(ctx, node, name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

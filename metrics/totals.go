package metrics

// Totals is what this process has counted of one project since it began.
type Totals struct{ Minted, Refused uint64 }

// Totals returns what was counted by project. What belongs to no project that is
// known is under "".
func (s *Service) Totals() map[string]Totals { return s.projects.totals() }

func (ps *projects) totals() map[string]Totals {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	all := map[string]Totals{}
	for id, p := range ps.of {
		if id == noneLabel {
			id = ""
		}
		one := all[id]
		one.Minted += p.minted.Load()
		one.Refused += refusedIn(p.counts)
		all[id] = one
	}
	rest := all[""]
	rest.Refused += refusedIn(ps.others)
	all[""] = rest
	return all
}

func refusedIn(counts map[series]float64) (sum uint64) {
	for s, n := range counts {
		if s.of == &tokensRefused {
			sum += uint64(n)
		}
	}
	return sum
}

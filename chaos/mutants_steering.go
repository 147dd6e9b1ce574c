package main

// steeringMutants are the guards of sessions that players renew by themselves.
var steeringMutants = []mutant{
	{name: "a session is renewed without end", file: "gate/steering.go", by: "Steer",
		guard: `return time.UnixMicro(s.issued).Add(g.config.SteeringMax).Unix()`, broken: `return g.config.Now().Add(g.config.SteeringMax).Unix()`},
	{name: "a session that was ended is renewed", file: "gate/steering.go", by: "Steer",
		guard: `return admission{session: s, inURL: true}, g.plausible(s)`, broken: `return admission{session: s, inURL: true}, nil`},
	{name: "a ticket that was passed on becomes one that renews itself", file: "gate/steering.go", by: "SteeringTicket",
		guard: `|| !a.fresh ||`, broken: `||`},
	{name: "a stream that ended goes on with a new ticket", file: "gate/streams.go", by: "NotRenewed",
		guard: `Ends: max(s.expires, g.lastOf(s))`, broken: `Ends: s.expires`},
}

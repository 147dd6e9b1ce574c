package main

// vaultMutants are the guards of requests to a Vault that has standbys.
var vaultMutants = []mutant{
	{name: "a process does not say what it has seen, so that a standby may show it less", file: "vaultkeys/standby.go", by: "AlsoFromAStandby",
		guard: `req.Header[indexHeader] = states`, broken: `_ = states`},
	{name: "a standby that is behind is not asked again", file: "vaultkeys/send.go", by: "AlsoFromAStandby",
		guard: `if !isBehind(err) {`, broken: `if true || !isBehind(err) {`},
	{name: "a state that a restored Vault never has is waited for without end", file: "vaultkeys/send.go", by: "NeverCatchesUp",
		guard: `s.seen.forget()`, broken: ``},
	{name: "documents end by themselves where an operator set that", file: "vaultkeys/setup.go", by: "SetupCorrects",
		guard: `, "delete_version_after": "0s"})`, broken: `})`},
}

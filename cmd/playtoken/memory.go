package main

import (
	"log/slog"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"playtoken/settings"
)

// collectLess lets garbage grow to four times what is in use, which is little,
// so that a mint costs about a seventh less apart from its signature. A GOGC in
// the environment is obeyed instead.
func (a *app) collectLess() {
	if settings.Variables(a.environ)["GOGC"] == "" {
		debug.SetGCPercent(400)
	}
}

// boundMemory has garbage collected more often where this process would otherwise
// take more memory than its container or control group allows, and be killed. A
// GOMEMLIMIT in the environment is obeyed instead.
func (a *app) boundMemory(log *slog.Logger, allowed memlimit.Provider) {
	if settings.Variables(a.environ)["GOMEMLIMIT"] != "" {
		return
	}
	// Go does not count all that a process takes, such as its code.
	limit, err := memlimit.ApplyRatio(allowed, 0.9)()
	if err != nil {
		return // there is no limit, or none that can be read
	}
	debug.SetMemoryLimit(int64(min(limit, 1<<62)))
	log.Info("garbage is collected in time for the memory limit of this container", "bytes", limit)
}

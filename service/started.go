package service

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"
)

// tellStart logs what this process is and does.
func (s *Service) tellStart(ctx context.Context, ln net.Listener, tls bool) {
	set, platform := &s.Settings, "no project default"
	if set.Account.Exists() {
		platform = set.Account.Platform
	}
	line := []slog.Attr{
		slog.String("address", ln.Addr().String()), slog.Bool("tls", tls), slog.String("metrics", cmp.Or(set.MetricsListen, ln.Addr().String())),
		slog.String("version", s.build.Version), slog.String("revision", s.build.Revision),
		slog.String("store", StoreName(set.StoreFile, set.Vault.Address)), slog.String("signing", s.signingName()),
		slog.String("platform", platform), slog.Bool("scheduler", set.Scheduler), slog.String("audit", cmp.Or(set.AuditFile, "stderr")),
	}
	if chain := s.audit.Chain(); chain != "" {
		line = append(line, slog.String("audit_chain", chain))
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "listening", line...)
}

func (s *Service) signingName() string {
	if s.Settings.Rotation.KeySpec.Exportable {
		return "memory"
	}
	return "transit"
}

// countedTimeout is how long the store may take to list the projects.
const countedTimeout = 5 * time.Second

// tellProjects logs how many projects there are. Nothing waits for it.
func (s *Service) tellProjects(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, countedTimeout)
	defer cancel()
	ids, err := s.ProjectIDs(within)
	switch {
	case ctx.Err() != nil: // the process is stopping
	case err != nil:
		s.log.Warn("the projects cannot be listed yet", "error", err)
	default:
		s.log.Info("projects listed", "projects", len(ids))
	}
	return nil
}

// StoreName is where a store is, for people.
func StoreName(file, vaultAddress string) string {
	if file != "" {
		return "file:" + file
	}
	return "vault at " + cmp.Or(vaultAddress, "its client's default address")
}

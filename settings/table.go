package settings

// variables is the environment's table.
func (s *Settings) variables() []variable {
	rows := []variable{
		{name: "PLAYTOKEN_LISTEN", fallback: "127.0.0.1:8080", parse: address(&s.Listen)},
		{name: "PLAYTOKEN_METRICS_LISTEN", parse: address(&s.MetricsListen)},
		{name: "PLAYTOKEN_ADMIN_KEY", secret: true, parse: ownKey(&s.AdminKey)},
		{name: "PLAYTOKEN_API_KEY", secret: true, parse: ownKey(&s.APIKey)},
		{name: "PLAYTOKEN_TOKEN_TTL", fallback: "10m", parse: seconds(&s.TokenTTL)},
		{name: "PLAYTOKEN_SCHEDULER", fallback: "on", parse: onOff(&s.Scheduler)},
		{name: "PLAYTOKEN_AUDIT", fallback: "stderr", parse: auditAt(&s.AuditFile)},
		{name: "PLAYTOKEN_REDIS_URL", secret: true, parse: redisAt(&s.RedisURL)},
		{name: "PLAYTOKEN_TRUSTED_PROXIES", parse: networks(&s.TrustedProxies)},
		{name: "PLAYTOKEN_PRIVATE_TARGETS", parse: networks(&s.PrivateTargets)},
	}
	for _, more := range [][]variable{s.storeVariables(), s.Account.variables(), s.rotationVariables(), s.gateVariables()} {
		rows = append(rows, more...)
	}
	return rows
}

func (s *Settings) storeVariables() []variable {
	return []variable{
		{name: "PLAYTOKEN_STORE", fallback: "vault", parse: storeAt(&s.StoreFile)},
		{name: "PLAYTOKEN_STORE_PASSWORD", secret: true, parse: credential(&s.StorePassword)},
		{name: "VAULT_TOKEN", secret: true, parse: credential(&s.Vault.Token)},
		{name: "PLAYTOKEN_VAULT_AUTH", fallback: "token", parse: oneOf(&s.Vault.Method, "token", "approle", "kubernetes")},
		{name: "PLAYTOKEN_VAULT_AUTH_PATH", parse: mount(&s.Vault.Path)},
		{name: "PLAYTOKEN_VAULT_ROLE_ID", parse: word(&s.Vault.RoleID)},
		{name: "PLAYTOKEN_VAULT_SECRET_ID", secret: true, parse: credential(&s.Vault.SecretID)},
		{name: "PLAYTOKEN_VAULT_ROLE", parse: word(&s.Vault.Role)},
		{name: "PLAYTOKEN_VAULT_JWT_FILE", parse: text(&s.Vault.JWTFile)},
		{name: "PLAYTOKEN_VAULT_TRANSIT", fallback: "playtoken-transit", parse: mount(&s.Vault.Transit)},
		{name: "PLAYTOKEN_VAULT_KV", fallback: "playtoken-kv", parse: mount(&s.Vault.KV)},
		{name: "PLAYTOKEN_SIGNING", parse: signing(&s.Rotation.KeySpec.Exportable)},
		{name: "PLAYTOKEN_MAX_STALENESS", fallback: "1h", parse: staleness(&s.Rotation)}, // after the mode, which it depends on
	}
}

func (s *Settings) rotationVariables() []variable {
	p := &s.Rotation
	return []variable{
		{name: "PLAYTOKEN_KEY_BITS", fallback: "2048", parse: number(&p.KeySpec.Bits)},
		{name: "PLAYTOKEN_KEY_BUDGET", fallback: "10", parse: number(&p.KeyBudget)},
		{name: "PLAYTOKEN_TOKEN_MAX_TTL", fallback: "1h", parse: seconds(&p.MaxTTL)},
		{name: "PLAYTOKEN_ROTATE_EVERY", fallback: "720h", parse: duration(&p.RotateEvery)},
		{name: "PLAYTOKEN_OBSERVE_EVERY", fallback: "10m", parse: duration(&p.ObserveEvery)},
		{name: "PLAYTOKEN_PROPAGATION_DELAY", fallback: "1m", parse: duration(&p.Durations.Propagation)},
		{name: "PLAYTOKEN_CLOCK_SKEW", fallback: "1m", parse: duration(&p.Durations.Skew)},
		{name: "PLAYTOKEN_VIEW_AGE", fallback: "15s", parse: duration(&p.Durations.ViewAge)},
		{name: "PLAYTOKEN_SETTLE", fallback: "30s", parse: duration(&p.Durations.Settle)},
	}
}

func (s *Settings) gateVariables() []variable {
	g := &s.Gate
	return []variable{
		{name: "PLAYTOKEN_GATE_LISTEN", fallback: "127.0.0.1:8081", parse: address(&g.Listen)},
		{name: "PLAYTOKEN_GATE_MEDIA", parse: text(&g.Media)},
		{name: "PLAYTOKEN_GATE_DATA", fallback: "gate.db", parse: text(&g.Data)},
		{name: "PLAYTOKEN_GATE_API_KEY", secret: true, parse: credential(&g.APIKey)},
		{name: "PLAYTOKEN_GATE_URL", parse: base(&g.URL)},
		{name: "PLAYTOKEN_GATE_FORWARD", parse: oneOf(&g.Forward, "nginx", "traefik", "caddy")},
		{name: "PLAYTOKEN_GATE_ORIGINS", fallback: "*", parse: origins(&g.Origins)},
		{name: "PLAYTOKEN_GATE_SESSION_TTL", fallback: "4h", parse: seconds(&g.SessionTTL)},
		{name: "PLAYTOKEN_GATE_INDEX", fallback: "hls.m3u8", parse: playlistName(&g.Index)},
		{name: "PLAYTOKEN_GATE_MAX_TOKEN_LIFE", fallback: "24h", parse: seconds(&g.MaxTokenLife)},
	}
}

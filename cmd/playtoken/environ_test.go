package main

const (
	adminKey    = "admin-key-for-tests-0123456789abcdef"
	frontendKey = "frontend-key-for-tests-0123456789abc"
	platformKey = "platform-key-for-tests"
	password    = "password-for-tests"
)

// goodEnviron is a complete, valid configuration, and more.
func goodEnviron(more ...string) []string {
	return append([]string{
		"HOME=/root", "PLAYTOKEN_STORE=file:play.db", "PLAYTOKEN_STORE_PASSWORD=" + password,
		"PLAYTOKEN_ADMIN_KEY=" + adminKey, "PLAYTOKEN_API_KEY=" + frontendKey,
		"PLAYTOKEN_PLATFORM_API_KEY=" + platformKey,
		"PLAYTOKEN_GATE_MEDIA=media", "PLAYTOKEN_GATE_API_KEY=gate-key-for-tests-0123456789abcdef",
	}, more...)
}

package manual

// examples are command lines of each verb that can be typed as they are, but for
// words in capitals.
var examples = map[string][]string{
	"": {"playtoken demo", "playtoken doctor", "playtoken rotate --if-due", "playtoken token mint VIDEO_ID"},

	"serve":      {"playtoken serve", "PLAYTOKEN_SCHEDULER=off playtoken serve"},
	"gate":       {"playtoken gate --media /srv/videos"},
	"gate check": {"playtoken gate check /srv/videos"},
	"demo":       {"playtoken demo", "playtoken demo --listen 127.0.0.1:9000 --data ~/playtoken-demo"},
	"rotate": {"playtoken rotate --if-due", "playtoken rotate --dry-run",
		"playtoken rotate --now --project PROJECT_ID --reason 'a drill'", "playtoken rotate --now --all --reason 'a drill'",
		"playtoken rotate --replace-lost --project PROJECT_ID --reason 'the gate lost its data'"},

	"keys list":             {"playtoken keys list", "playtoken keys list --project PROJECT_ID -o json"},
	"keys show":             {"playtoken keys show 3"},
	"keys activate":         {"playtoken keys activate 3 --reason 'the platform is slow today, and has it'"},
	"keys rollback":         {"playtoken keys rollback 2 --reason 'players refuse the new key'"},
	"keys export":           {"playtoken keys export 3", "playtoken keys export 3 --project PROJECT_ID -o json"},
	"keys release":          {"playtoken keys release 3 --reason 'examined'"},
	"keys confirm":          {"playtoken keys confirm 3 --reason 'seen in the console'", "playtoken keys confirm 3 --key-id KEY_ID --reason 'seen in the console'"},
	"keys revoke":           {"playtoken keys revoke 3 --dry-run", "playtoken keys revoke 3 --reason 'its private key leaked'"},
	"keys fetch":            {"playtoken keys fetch https://tokens.example.com/v1/projects/PROJECT_ID/jwks.json /etc/edge/keys.json --reload 'systemctl reload edge'"},
	"keys remove-unmanaged": {"playtoken keys remove-unmanaged KEY_ID --reason 'made by hand, replaced'"},

	"sessions end":  {"playtoken sessions end --viewer ann --reason 'account closed'", "playtoken sessions end --video VIDEO_ID --reason 'taken down'"},
	"token mint":    {"playtoken token mint VIDEO_ID", "playtoken token mint VIDEO_ID --expires-in 5m -o json"},
	"token inspect": {"playtoken token inspect - < token.txt", "playtoken token inspect --video VIDEO_ID < token.txt"},

	"platforms": {"playtoken platforms", "playtoken platforms -o json"},

	"project list":   {"playtoken project list", "playtoken project list --name sport --sort-by name"},
	"project count":  {"playtoken project count"},
	"project show":   {"playtoken project show PROJECT_ID"},
	"project create": {"playtoken project create --name sport --platform vidbeo --credential api_key=key.txt", "playtoken project create --from project.json"},
	"project update": {"playtoken project update PROJECT_ID --credential api_key=key.txt", "playtoken project update PROJECT_ID --from change.json"},
	"project check": {"playtoken project check PROJECT_ID", "playtoken project check PROJECT_ID --credential api_key=key.txt",
		"playtoken project check --platform vidbeo --credential api_key=key.txt"},
	"project delete": {"playtoken project delete PROJECT_ID --reason 'the contract ended'", "playtoken project delete PROJECT_ID --revoke"},

	"api-key list":       {"playtoken api-key list --project PROJECT_ID"},
	"api-key count":      {"playtoken api-key count --project PROJECT_ID"},
	"api-key show":       {"playtoken api-key show API_KEY_ID --project PROJECT_ID"},
	"api-key create":     {"playtoken api-key create --project PROJECT_ID --name 'web shop' --scope mint"},
	"api-key update":     {"playtoken api-key update API_KEY_ID --project PROJECT_ID --expires-at 2030-01-31T00:00:00Z"},
	"api-key end-tokens": {"playtoken api-key end-tokens API_KEY_ID --project PROJECT_ID"},
	"api-key delete":     {"playtoken api-key delete API_KEY_ID --project PROJECT_ID --reason 'it was in a log'"},

	"admin-key create": {"playtoken admin-key create --name ann --role operator --expires-at 2030-01-31T00:00:00Z"},
	"admin-key list":   {"playtoken admin-key list"},
	"admin-key delete": {"playtoken admin-key delete ADMIN_KEY_ID --reason 'ann left'"},

	"approvals list":    {"playtoken approvals list"},
	"approvals approve": {"playtoken approvals approve APPROVAL_ID --reason 'seen the ticket'"},

	"operator end-sessions": {"playtoken operator end-sessions OPERATOR_ID --reason 'laptop stolen'"},

	"login":  {"PLAYTOKEN_SERVER=https://tokens.example.com playtoken login"},
	"logout": {"PLAYTOKEN_SERVER=https://tokens.example.com playtoken logout"},

	"store rekey":  {"playtoken store rekey --new-password new-password.txt"},
	"store backup": {"playtoken store backup /var/backups/playtoken/store.db"},
	"audit list":   {"playtoken audit list", "playtoken audit list --project default --action signing_key.revoke --since 2026-03-01T00:00:00Z"},
	"audit verify": {"playtoken audit verify audit.jsonl", "playtoken audit verify gate.jsonl --gate"},
	"vault setup":  {"playtoken vault setup --approle", "playtoken vault setup --kubernetes --service-account video/playtoken"},
	"vault policy": {"playtoken vault policy", "playtoken vault policy signer"},
	"doctor":       {"playtoken doctor", "playtoken doctor --project PROJECT_ID -o json"},
	"settings":     {"playtoken settings", "playtoken settings -o json"},
	"version":      {"playtoken version", "playtoken --version"},
	"completion":   {"source <(playtoken completion bash)", "playtoken completion fish > ~/.config/fish/completions/playtoken.fish"},
	"man":          {"playtoken man ~/.local/share/man/man1"},
}

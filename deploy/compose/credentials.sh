# Run by compose, in Vault's image: what serve, the gate and Grafana present. What is
# there already stays.
set -eu
cd "${SECRETS_DIR:-/secrets}"
umask 077
VAULT_TOKEN="$(cat "${UNSEAL_DIR:-/unseal}/root-token")"
export VAULT_TOKEN
for role in rotator gate; do
  vault write "auth/approle/role/playtoken-$role/role-id" role_id="playtoken-$role" > /dev/null
  [ -s "$role-secret-id" ] || vault write -f -field=secret_id "auth/approle/role/playtoken-$role/secret-id" > "$role-secret-id"
done
for key in admin-key api-key gate-api-key grafana-password; do
  [ -s "$key" ] || head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > "$key"
done
chown "${OWNER:-65532:65532}" . ./*
chmod 0444 grafana-password
chmod 0711 .

# Run by compose, in Vault's image: makes Vault's keys once, and unseals it.
set -eu
cd "${UNSEAL_DIR:-/unseal}"
umask 077
if [ ! -s init ]; then
  vault operator init -key-shares=1 -key-threshold=1 > init
fi
sed -n 's/^Unseal Key 1: //p' init > key
sed -n 's/^Initial Root Token: //p' init > root-token
chown "${OWNER:-65532:65532}" . root-token
vault status > /dev/null || vault operator unseal "$(cat key)" > /dev/null
# A new node leads a moment after it is unsealed.
until vault status | grep -q 'HA Mode *active'; do sleep 1; done

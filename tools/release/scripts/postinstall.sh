#!/bin/sh
# After the files are in place. Debian's dpkg says "configure" and the version that was
# there before, RPM how many there are now. Nothing is started that was not running:
# the settings are the operator's to write first.
set -e
root=${DPKG_ROOT:-}
if command -v systemd-sysusers >/dev/null && command -v systemd-tmpfiles >/dev/null; then
  systemd-sysusers ${root:+"--root=$root"} playtoken.conf
  systemd-tmpfiles ${root:+"--root=$root"} --create playtoken.conf
else
  echo "playtoken: there is no systemd-sysusers; make the users and folders of /usr/lib/sysusers.d/playtoken.conf and /usr/lib/tmpfiles.d/playtoken.conf by hand" >&2
fi
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  if [ "${1:-}" = 2 ] || [ -n "${2:-}" ]; then
    systemctl try-restart playtoken.service playtoken-gate.service
  fi
fi

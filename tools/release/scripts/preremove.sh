#!/bin/sh
# Before the files go. It does nothing at an upgrade, for which Debian's dpkg says
# "upgrade", and RPM that one is left.
set -e
case "${1:-}" in
remove | 0)
  if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now playtoken.service playtoken-gate.service playtoken-rotate.timer
  fi
  ;;
esac

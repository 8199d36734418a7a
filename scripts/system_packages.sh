#!/usr/bin/env bash
# The lab's programs that come from the system: installs the missing ones as root on Debian, else names the command.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"

missing=()
while read -r program package; do
  command -v "$program" >/dev/null || missing+=("$package")
done <<'PROGRAMS'
runc runc
nft nftables
ip iproute2
age age
git git
PROGRAMS
[[ ${#missing[@]} -eq 0 ]] && exit 0

install="apt-get install --yes --no-install-recommends ${missing[*]}"
if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo "The lab needs programs that this machine lacks. Install these packages: ${missing[*]}." \
    "On Debian and Ubuntu: sudo $install" >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && $install; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "Could not install ${missing[*]}; run it yourself and see: $install" >&2
  exit 1
fi

#!/usr/bin/env bash
# Makes .venv from the first Python 3.11 or newer on PATH and installs the pinned, hashed requirements into it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usable() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  local name
  for name in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    if [[ -n "$name" ]] && usable "$name"; then
      echo "$name"
      return
    fi
  done
  echo "No Python 3.11 or newer with the modules venv and ensurepip is on PATH." \
    "On Debian: apt-get install python3 python3-venv. Or name one: make setup PYTHON=/path/to/python3" >&2
  return 1
}

if [[ ! -x .venv/bin/python ]] || ! .venv/bin/python -c '' 2>/dev/null; then
  python=$(find_python)
  echo "setup: .venv from $("$python" --version)"
  "$python" -m venv --clear .venv
fi

echo "setup: installing the pinned requirements (about two minutes the first time)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
  --requirement requirements.txt --requirement requirements-dev.txt
touch .venv/.installed

#!/usr/bin/env bash
# Writes requirements.txt and requirements-dev.txt: every version pinned, every file hashed, no index named.
# Pins that still fit stay as they are; `make lock ARGS=--upgrade` takes the newest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CUSTOM_COMPILE_COMMAND="make lock"
for name in requirements requirements-dev; do
  echo "lock: $name.txt"
  .venv/bin/pip-compile --quiet "$@" --generate-hashes --allow-unsafe --strip-extras \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
    --output-file "$name.txt" "$name.in"
done

#!/bin/sh
# pytest, with Chromium for the browser tests wherever it is; without one says plainly that they did not run.
set -u
cd "$(dirname "$0")/.."

find_browser() {
  for name in "${CHROMIUM:-/usr/bin/chromium}" chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" && return
  done
  return 1
}

if browser=$(find_browser); then
  CHROMIUM=$browser exec .venv/bin/python -m pytest "$@"
fi
ATLAS_SKIP_BROWSER_TESTS=1 .venv/bin/python -m pytest "$@"
result=$?
printf '\n%s\n%s\n' \
  "The browser tests did NOT run: there is no Chromium on this machine." \
  "Debian and Ubuntu: sudo apt install chromium   (elsewhere: CHROMIUM=/path/to/chrome make test)" >&2
exit $result

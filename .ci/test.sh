#!/bin/sh
# pytest, with Chromium for the browser tests wherever it is; without one says plainly that they did not run.
# Without arguments all tests, on several worker processes (WORKERS=1 make test: on one); with arguments on one process,
# unless they say otherwise (-n 3 --dist loadfile).
set -u
cd "$(dirname "$0")/.."

# The tests start some 150 processes of the project: its modules are compiled once, not by each.
unset PYTHONDONTWRITEBYTECODE

find_browser() {
  for name in "${CHROMIUM:-/usr/bin/chromium}" chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" && return
  done
  return 1
}

# A third of the time is waiting: one worker more than processors. At most 4: each may hold 25 of the 100 connections
# that PostgreSQL has by default.
choose_workers() {
  processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
  if [ "$processors" -lt 3 ]; then echo $((processors + 1)); else echo 4; fi
}

if [ $# = 0 ]; then
  set -- -n "${WORKERS:-$(choose_workers)}" --dist loadfile --no-loadscope-reorder
fi

if browser=$(find_browser); then
  CHROMIUM=$browser exec .venv/bin/python -m pytest "$@"
fi
ATLAS_SKIP_BROWSER_TESTS=1 .venv/bin/python -m pytest "$@"
result=$?
printf '\n%s\n%s\n' \
  "The browser tests did NOT run: there is no Chromium on this machine." \
  "Debian and Ubuntu: sudo apt install chromium   (elsewhere: CHROMIUM=/path/to/chrome make test)" >&2
exit $result

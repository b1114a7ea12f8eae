#!/bin/sh
# Makes .venv and installs one of the compiled requirements files into it, hashes checked. Nothing is done when the
# file is the one that was installed last. Interrupted anywhere, the next call goes on.
#   .ci/venv.sh requirements.txt | requirements-dev.txt
set -eu
cd "$(dirname "$0")/.."
requirements=$1
stamp=.venv/.installed-$requirements

say() { printf '%s\n' "$*" >&2; }

wanted=$(cksum <"$requirements")
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ]; then
  exit 0
fi

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  for python in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
    if is_new_enough "$python"; then
      printf '%s' "$python"
      return
    fi
  done
  say "Python 3.11 or newer is needed, and none was found (python3 is: $(python3 --version 2>&1 || true))."
  say "Debian 12 or Ubuntu 24.04 and newer:  sudo apt install python3 python3-venv"
  say "Elsewhere, name one:                  make run PYTHON=/path/to/python3.12"
  exit 1
}

if ! is_new_enough .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(find_python)
  if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    say "$python cannot make virtual environments: its modules venv and ensurepip are missing."
    say "Debian and Ubuntu:  sudo apt install python3-venv"
    exit 1
  fi
  say "Making the virtual environment .venv with $("$python" --version) …"
  "$python" -m venv --clear .venv
fi

say "Installing $requirements (needs PyPI) …"
rm -f "$stamp"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
printf '%s\n' "$wanted" >"$stamp"

#!/bin/sh
# The image's entry point. Without a command it looks at what it was given as standard input:
#   a pipe or socket (docker run -i)   → stdio   MCP with the process that started the container
#   nothing, or a terminal             → serve   the gateway on port 8000
# Commands: serve (migrate, then web) | web (serve only: one of several) | stdio | migrate | register | manage ARGS…;
# anything else is run as it is.
set -eu
cd /app

manage() { python manage.py "$@"; }

# Only MCP may stand on standard output in stdio mode, so everything before it goes to standard error.
migrate() { manage migrate --no-input -v "${1:-1}" >&2; }

# Django's own check, for its side effect: a missing setting ends the start with one plain line.
preflight() { manage check -v 0 >&2; }

first_steps() {
  manage shell -v 0 -c '
import sys
from django.contrib.auth import get_user_model
if not get_user_model().objects.exists():
    print("Nobody can log in yet. Create a reviewer and an agent (each prints its secrets once):", file=sys.stderr)
    for verb in ("create_reviewer", "create_agent"):
        print(f"  python manage.py {verb} NAME      (compose: docker compose exec web python manage.py {verb} NAME)", file=sys.stderr)
'
}

# An Inngest server does not notice by itself that this start brought a changed function, so every start tells it: through
# this very process; the address the server then calls is INNGEST_SERVE_ORIGIN.
register_in_background() {
  [ -n "${INNGEST_SIGNING_KEY:-}" ] || return 0
  manage register_inngest --url http://127.0.0.1:8000/api/inngest --wait 600 &
}

web() {
  register_in_background
  [ "${ATLAS_BEHIND_PROXY:-0}" != 1 ] || set -- --proxy-headers "$@"
  exec daphne -v 0 -b 0.0.0.0 -p 8000 --no-server-name "$@" atlas_site.asgi:application
}

if [ $# -eq 0 ]; then
  case $(readlink /proc/self/fd/0 || true) in
    pipe:* | socket:*) set -- stdio ;;
    *) set -- serve ;;
  esac
fi
command=$1
shift

case $command in
  serve) migrate && first_steps && web "$@" ;;
  web) preflight && web "$@" ;;
  stdio) migrate 0 && exec python manage.py mcp_stdio "$@" ;;
  migrate) migrate && first_steps ;;
  register) exec python manage.py register_inngest "$@" ;;
  manage) exec python manage.py "$@" ;;
  *) exec "$command" "$@" ;;
esac

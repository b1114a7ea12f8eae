#!/bin/sh
# The image's entry point. Without a command it looks at what it was given as standard input:
#   a pipe or socket (docker run -i)   → stdio   MCP with the process that started the container
#   nothing, or a terminal             → serve   the gateway on port 8000
# Commands: serve (migrate, then web) | web (serve only: one of several) | stdio | migrate | register | manage ARGS…;
# anything else is run as it is.
set -eu
cd /app
export ATLAS_DATA_DIR="${ATLAS_DATA_DIR:-/data}"  # an --env-file may hold it empty

# A first start on SQLite begins with the image's empty, migrated database.
seed() {
  [ -n "${DATABASE_URL:-}" ] || [ -e "$ATLAS_DATA_DIR/atlas.sqlite3" ] || cp /app/empty/atlas.sqlite3 "$ATLAS_DATA_DIR/"
}

# A missing or wrong setting ends the start with one plain line that names it.
preflight() {
  python -c '
import sys
from django.core.exceptions import ImproperlyConfigured
try:
    from atlas_site import settings
except ImproperlyConfigured as error:
    sys.exit(f"The gateway does not start: {error}")
'
}

# One process for both, since starting Python with everything loaded is the slow part.
migrate() {
  python manage.py shell -v 0 -c '
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", interactive=False)
if not get_user_model().objects.exclude(password="").filter(is_active=True).exists():
    print("Nobody can log in yet. Create a reviewer and an agent; each prints its secrets once:")
    for verb in ("create_reviewer", "create_agent"):
        print(f"  python manage.py {verb} NAME    (compose: docker compose exec web python manage.py {verb} NAME)")
'
}

# An Inngest server does not notice by itself that this start brought a changed function, so every start tells it,
# through this very process; the address the server then calls is INNGEST_SERVE_ORIGIN.
register_in_background() {
  case ${INNGEST_SIGNING_KEY:-}${INNGEST_BASE_URL:+ at a server} in
    signkey-* | *" at a server") python manage.py register_inngest --url http://127.0.0.1:8000/api/inngest --wait 600 & ;;
  esac
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
  serve) preflight && seed && migrate && web "$@" ;;
  web) preflight && web "$@" ;;
  stdio) seed && exec python manage.py mcp_stdio "$@" ;;
  migrate) migrate ;;
  register) exec python manage.py register_inngest "$@" ;;
  manage) exec python manage.py "$@" ;;
  *) exec "$command" "$@" ;;
esac

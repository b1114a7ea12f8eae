"""The real gateway in a process that also makes rows, so that their announcements reach the browsers.

Reads one Python expression per line (names of tests.factories, governance.actions and the models), answers with one
line of JSON: {"value": str} or {"error": traceback}. The first line it prints is {"port": …}.
"""

import json
import os
import sys
import threading
import traceback

from daphne.server import Server  # first of all: it installs Twisted's asyncio reactor  # isort: skip
import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlas_site.settings")


def prepare() -> None:
    if "ATLAS_STATIC_ROOT" not in os.environ:
        serve_from_folders()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django.setup()


def serve_from_folders() -> None:
    """Static files as they are written: most tests try the console, not collectstatic."""
    settings.STORAGES = {
        **settings.STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True


def answer_lines() -> None:
    from django.db import close_old_connections

    from governance import actions, models
    from governance.states import Status, Verdict
    from tests import factories

    names = {
        **vars(models), **vars(factories), "actions": actions, "Status": Status, "Verdict": Verdict,
        "session_of": session_of,
    }
    for line in sys.stdin:
        close_old_connections()
        try:
            print(json.dumps({"value": str(eval(line, names))}), flush=True)  # the test's own words
        except Exception:
            print(json.dumps({"error": traceback.format_exc()}), flush=True)
    from twisted.internet import reactor

    reactor.callFromThread(reactor.stop)  # the test closed its end


def session_of(username: str) -> str:
    """The key of a new session of that person, as the log-in makes one."""
    from django.contrib.auth import get_user_model, login
    from django.http import HttpRequest
    from django.utils.module_loading import import_string

    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")()
    login(request, get_user_model().objects.get(username=username), "django.contrib.auth.backends.ModelBackend")
    request.session.save()
    return request.session.session_key


def main() -> None:
    prepare()
    from atlas_site.asgi import application

    def ready() -> None:
        print(json.dumps({"port": server.listening_addresses[0][1]}), flush=True)
        threading.Thread(target=answer_lines, daemon=True).start()

    server = Server(application, endpoints=["tcp:port=0:interface=127.0.0.1"], verbosity=0, ready_callable=lambda: None)
    from twisted.internet import reactor

    reactor.callWhenRunning(lambda: wait_until_listening(server, ready))
    server.run()


def wait_until_listening(server: Server, ready: object) -> None:
    from twisted.internet import reactor

    if getattr(server, "listening_addresses", None):
        ready()
    else:
        reactor.callLater(0.05, wait_until_listening, server, ready)


if __name__ == "__main__":
    main()

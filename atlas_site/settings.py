"""Settings of the gateway, all from the environment; every variable stands in .env.example.

Without any variable this is the embedded default: one process, SQLite, in-memory channel layer,
embedded workflow executor, built-in scorer.
"""

import base64
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from reviews.theme import UNFOLD  # noqa: F401  the setting of that name

BASE_DIR = Path(__file__).resolve().parent.parent


# -- environment helpers ---------------------------------------------------------------------


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool = False) -> bool:
    value = env(name)
    if value.lower() not in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return value.lower() in ("1", "true", "yes", "on") if value else default


def env_int(name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
    value = env(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} must lie between {low} and {high}, not {number}.")
    return number


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def read_dotenv(path: Path) -> None:
    """Fill the environment from a .env file; what is already set wins."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, sep, value = line.strip().partition("=")
        if sep and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def local_secret(name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> str:
    """A secret from the environment; outside production made once and kept in the data folder."""
    value = env(name)
    if value:
        return value
    if PRODUCTION:
        raise ImproperlyConfigured(f"{name} is not set. Production does not start without it.")
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    path = DATA_DIR / f"{name.lower()}.secret"
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=DATA_DIR, encoding="ascii") as file:  # mode 600
            file.write(make())
            file.flush()
            with suppress(FileExistsError):  # of processes that start together the first wins, with a whole file
                os.link(file.name, path)
    return path.read_text(encoding="ascii").strip()


def fernet_keys(name: str) -> list[str]:
    """Keys for values at rest, with commas: the first seals, every one of them opens."""
    keys = local_secret(name, lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()).split(",")
    if not all(re.fullmatch(r"[\w-]{43}=", key.strip(), re.ASCII) for key in keys):
        raise ImproperlyConfigured(f"{name} must hold keys made by: openssl rand -base64 32 | tr +/ -_ (with commas).")
    return [key.strip() for key in keys]


def require(name: str, why: str = "") -> None:
    """Refuse to start in production without this variable, in one plain line that names it."""
    if PRODUCTION and not env(name):
        raise ImproperlyConfigured(f"{name} is not set. Production does not start without it{why}.")


if "pytest" not in sys.modules:  # a developer's own .env must not change what the tests see
    read_dotenv(BASE_DIR / ".env")

# -- where and how it runs -------------------------------------------------------------------

PRODUCTION = env_bool("ATLAS_PRODUCTION")
DEBUG = env_bool("ATLAS_DEBUG") and not PRODUCTION
DATA_DIR = Path(env("ATLAS_DATA_DIR", str(BASE_DIR / "data")))
SECRET_KEY = local_secret("ATLAS_SECRET_KEY")
ENCRYPTION_KEYS = fernet_keys("ATLAS_ENCRYPTION_KEYS")

require("ATLAS_PUBLIC_URL")
if not env("ATLAS_DATA_DIR"):  # set: SQLite in that folder is meant (the image's /data)
    require("DATABASE_URL", "; for SQLite on one machine set ATLAS_DATA_DIR to a folder that is kept")

# Where `manage.py run` listens.
HOST, PORT = env("ATLAS_HOST", "127.0.0.1"), env_int("ATLAS_PORT", 8000, low=1, high=65535)
# The address people and agents use; the console's links, cookies and allowed hosts follow from it.
PUBLIC_URL = env("ATLAS_PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
if not PUBLIC_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured(f"ATLAS_PUBLIC_URL must start with http:// or https://, not {PUBLIC_URL!r}.")
SECURE = PUBLIC_URL.startswith("https://")
_public_host = PUBLIC_URL.split("://", 1)[-1].split("/", 1)[0]
ALLOWED_HOSTS = [
    _public_host.rsplit(":", 1)[0], "localhost", "127.0.0.1", "[::1]", *env_list("ATLAS_ALLOWED_HOSTS"),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL.split("/", 3)[0] + "//" + _public_host]
# Host and Origin headers the MCP endpoints accept (the SDK matches exactly, or "host:*").
MCP_ALLOWED_HOSTS = [entry for host in ALLOWED_HOSTS for entry in (host, f"{host}:*")]
MCP_ALLOWED_ORIGINS = [
    *CSRF_TRUSTED_ORIGINS, "http://localhost:*", "http://127.0.0.1:*", *env_list("ATLAS_MCP_ALLOWED_ORIGINS"),
]

ROOT_URLCONF = "atlas_site.urls"
ASGI_APPLICATION = "atlas_site.asgi.application"
AUTH_USER_MODEL = "governance.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "csp",
    "governance",
    "reviews",
    "mcp_bridge",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # pads its answers at random, and CSRF tokens are masked: no BREACH
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "reviews.language.LanguageMiddleware",  # after authentication: a person's own choice comes first
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "reviews.preferences.frame",
            ],
        },
    },
]

# -- database --------------------------------------------------------------------------------

DATABASES = {
    "default": dj_database_url.parse(env("DATABASE_URL", f"sqlite:///{DATA_DIR / 'atlas.sqlite3'}")),
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits its turn at BEGIN instead of failing at its first write
        "timeout": 20,
        # FULL: a committed decision survives a power cut, not only a crash of the process
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    # A pool instead of persistent connections: under ASGI every request may run on another thread.
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 2, "max_size": 16, "timeout": 10}
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # what a restart of the server cut is replaced, not used

# -- channel layer ---------------------------------------------------------------------------

REDIS_URL = env("REDIS_URL")
# channels_redis waits 5 s for a message; redis-py's own limit is 5 s too, so each quiet wait would end as an error.
_redis = {"address": REDIS_URL, "socket_timeout": 20}
CHANNEL_LAYERS = {
    "default": (
        {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [_redis], "prefix": "atlas"}}
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    ),
}

# -- people ----------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "queue"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "reviews/locked_out.html"

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("ATLAS_BEHIND_PROXY") else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
# One request body: 256 KiB of arguments and 16 KiB of context, with room for their JSON envelope.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# -- static files, language, time ------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(env("ATLAS_STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "atlas_site.storage.StaticFiles"},
}
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # each in itself, so that its readers find it
LOCALE_PATHS = [BASE_DIR / "reviews" / "locale"]
LANGUAGE_COOKIE_NAME, LANGUAGE_COOKIE_AGE, LANGUAGE_COOKIE_SAMESITE = "language", 365 * 24 * 3600, "Lax"
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SECURE = True, SECURE
TIME_ZONE = env("TZ", "UTC")
USE_TZ = True

# -- REST ------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "reviews.authentication.ReviewerTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ATLAS governance gateway",
    "DESCRIPTION": "Requests, decisions and agents of the human-in-the-loop governance gateway.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "RequestStatus": "governance.states.Status",
        "HealthStatus": ["ready", "not ready"],
        "DecisionVerdict": "governance.states.Verdict",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums", "reviews.openapi.add_json_value",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# -- workflow --------------------------------------------------------------------------------

INNGEST_SIGNING_KEY = env("INNGEST_SIGNING_KEY")
INNGEST_EVENT_KEY = env("INNGEST_EVENT_KEY")
INNGEST_BASE_URL = env("INNGEST_BASE_URL")
if bool(INNGEST_SIGNING_KEY) != bool(INNGEST_EVENT_KEY):
    raise ImproperlyConfigured("INNGEST_SIGNING_KEY and INNGEST_EVENT_KEY go together: set both or none.")
if INNGEST_SIGNING_KEY and not re.fullmatch(r"(signkey-\w+-)?([0-9a-fA-F]{2})+", INNGEST_SIGNING_KEY):
    raise ImproperlyConfigured("INNGEST_SIGNING_KEY must be hex digits of even length (openssl rand -hex 32).")
if INNGEST_BASE_URL:
    require("INNGEST_SIGNING_KEY", " when INNGEST_BASE_URL is set")
# "inngest" when its keys are set, else the embedded executor of the same function. Inngest Cloud's keys start with
# "signkey-"; a plain hex key belongs to a server of one's own, so without that server's address nothing could drive it.
_inngest_reachable = bool(INNGEST_BASE_URL) or INNGEST_SIGNING_KEY.startswith("signkey-")
WORKFLOW_DRIVER = "inngest" if INNGEST_SIGNING_KEY and _inngest_reachable else "embedded"
# Whether this web process also drives the workflow (relay, sweeper and, embedded, the executor).
# Tests that import the ASGI application get workers only when they ask for them.
RUN_WORKERS = env_bool("ATLAS_RUN_WORKERS", "pytest" not in sys.modules)

# -- governance ------------------------------------------------------------------------------

DEADLINE_SECONDS = env_int("ATLAS_DEADLINE_SECONDS", 24 * 3600, low=1, high=365 * 24 * 3600)
# How long a reviewer can undo an approval in the console before the call runs.
UNDO_SECONDS = min(env_int("ATLAS_UNDO_SECONDS", 5), 60)
HOLD_SECONDS = min(env_int("ATLAS_HOLD_SECONDS", 10), 45)
RISK_THRESHOLD = 70  # Article 14 triage of the original governance logic: below it, no person is asked
MAX_OPEN_REQUESTS_PER_AGENT = env_int("ATLAS_MAX_OPEN_REQUESTS_PER_AGENT", 100, low=1)
MAX_CALLS_IN_FLIGHT = env_int("ATLAS_MAX_CALLS_IN_FLIGHT", 16, low=1)  # per MCP session
TOOL_TIMEOUT_SECONDS = env_int("ATLAS_TOOL_TIMEOUT_SECONDS", 30, low=1, high=600)
# HMAC key of POST /webhook/approval; empty: only reviewers' API tokens are accepted there.
WEBHOOK_SECRET = env("ATLAS_WEBHOOK_SECRET")
# Whose name stands on a decision that came in by a signed webhook.
WEBHOOK_REVIEWER = env("ATLAS_WEBHOOK_REVIEWER", "sarah")
METRICS_TOKEN = env("ATLAS_METRICS_TOKEN")
# Whether agents' webhooks (governance/addresses.py) may lead to loopback and private addresses, and over http.
WEBHOOKS_ALLOW_PRIVATE = env_bool("ATLAS_WEBHOOKS_ALLOW_PRIVATE")

SCORER = env("ATLAS_SCORER", "embedded")
SCORERS = {  # name -> dotted path of a class without arguments; see governance/scoring/base.py
    "embedded": "governance.scoring.backends.embedded.EmbeddedScorer",
    "modal": "governance.scoring.backends.modal.ModalScorer",
    "openai": "governance.scoring.backends.openai.OpenAIScorer",
}
if SCORER not in SCORERS:
    raise ImproperlyConfigured(f"ATLAS_SCORER must be one of {', '.join(SCORERS)}, not {SCORER!r}.")
SCORER_TIMEOUT_SECONDS = env_int("ATLAS_SCORER_TIMEOUT_SECONDS", 20, low=1, high=300)
MODAL_FUNCTION_NAME = env("MODAL_FUNCTION_NAME", "nislam-mics/ATLAS-NIST-Measure")
MODAL_TOKEN_ID = env("MODAL_TOKEN_ID")
MODAL_TOKEN_SECRET = env("MODAL_TOKEN_SECRET")
MODAL_ENVIRONMENT = env("MODAL_ENVIRONMENT")
OPENAI_BASE_URL = env("OPENAI_BASE_URL", "https://api.openai.com/v1")
OPENAI_API_KEY = env("OPENAI_API_KEY")
OPENAI_MODEL = env("OPENAI_MODEL", "gpt-5-mini")
if SCORER == "modal":
    require("MODAL_TOKEN_ID", " when ATLAS_SCORER is modal")
    require("MODAL_TOKEN_SECRET", " when ATLAS_SCORER is modal")
if SCORER == "openai" and OPENAI_BASE_URL.startswith("https://api.openai.com/"):
    require("OPENAI_API_KEY", " when ATLAS_SCORER is openai")

TOOL_SERVERS = {  # ToolServer.kind -> dotted path of a class taking the ToolServer; see governance/execution.py
    "welfare": "mcp_bridge.downstream.welfare.WelfareServer",
    "http": "mcp_bridge.downstream.servers.RemoteServer",
    "sse": "mcp_bridge.downstream.servers.RemoteServer",
    "stdio": "mcp_bridge.downstream.servers.RemoteServer",
}
# Name -> dotted path of a class whose round() works and returns the seconds until it is due again.
BACKGROUND_LOOPS = {
    "tool servers": "mcp_bridge.downstream.refresh.Refresh",
    "deliveries": "mcp_bridge.deliveries.Deliveries",
    "names": "mcp_bridge.downstream.names.Names",
    "tallies": "reviews.tallying.Tallying",
    "upkeep": "governance.upkeep.Upkeep",
}

# -- logs ------------------------------------------------------------------------------------

LOG_FORMAT = env("ATLAS_LOG_FORMAT", "plain")  # plain | json
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"reference": {"()": "governance.logs.ReferenceFilter"}},
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s [%(reference)s] %(message)s"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(reference)s %(message)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["reference"]},
    },
    "root": {"handlers": ["stderr"], "level": env("ATLAS_LOG_LEVEL", "INFO").upper()},
    "loggers": {
        name: {"level": "WARNING"} for name in ("httpx", "httpx2", "inngest", "mcp", "daphne", "axes", "asyncio")
    },
}

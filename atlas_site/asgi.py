"""The ASGI entry: lifespan | /mcp | Django | websocket; nothing else."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlas_site.settings")
django_app = get_asgi_application()  # loads the models, before anything below imports them

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from atlas_site import lifecycle  # noqa: E402
from mcp_bridge import asgi as mcp  # noqa: E402
from reviews.routing import websocket_urlpatterns  # noqa: E402

websocket_app = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
lifecycle.begin_process()


async def application(scope: dict, receive: object, send: object) -> None:
    if scope["type"] == "lifespan":
        return await lifecycle.lifespan(receive, send)
    lifecycle.begin_loop()
    if scope["type"] == "websocket":
        return await websocket_app(scope, receive, send)
    path = _path(scope)
    if mcp.handles(path):
        return await mcp.mcp_app({**scope, "path": path}, receive, send)
    return await django_app(scope, receive, send)


def _path(scope: dict) -> str:
    """The path below the server's prefix, which uvicorn leaves in and daphne takes out."""
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"]
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path

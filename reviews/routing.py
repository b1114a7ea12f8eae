"""WebSocket addresses, and the application that checks origin and session in front of them."""

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path, re_path

from reviews.consumers import NoSuchSocket, QueueConsumer

websocket_urlpatterns = [
    path("ws/queue", QueueConsumer.as_asgi()),
    re_path(r"", NoSuchSocket.as_asgi()),
]

# AllowedHostsOriginValidator: another site's page cannot open the line with the reviewer's cookie.
websocket_application = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))

"""WebSocket addresses. atlas_site/asgi.py checks origin and session in front of them."""

from django.urls import path, re_path

from reviews.consumers import NoSuchSocket, QueueConsumer

websocket_urlpatterns = [
    path("ws/queue", QueueConsumer.as_asgi()),
    re_path(r"", NoSuchSocket.as_asgi()),
]

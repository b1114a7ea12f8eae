"""The gateway's application with one page more: an empty one, the floor that pages stand beside."""

from django.conf import settings

settings.ROOT_URLCONF = "tests.bench.console.addresses"

from atlas_site.asgi import application  # noqa: E402  after the setting

__all__ = ["application"]

"""The ASGI entry: Django, for now."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlas_site.settings")
application = get_asgi_application()

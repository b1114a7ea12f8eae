"""Tables of other rooms, by name: this one may not import them (see .importlinter). Read-only: tools write there."""

from django.apps import apps
from django.db.models import Model

from reviews.admin.base import ReadOnlyAdmin
from reviews.admin.site import site

LONG = ("TextField", "JSONField")


def columns_of(model: type[Model]) -> tuple[str, ...]:
    """The first six fields that fit a column."""
    return tuple(f.name for f in model._meta.fields if not f.primary_key and f.get_internal_type() not in LONG)[:6]


for _model in apps.get_app_config("mcp_bridge").get_models():
    site.register(_model, ReadOnlyAdmin, list_display=columns_of(_model), ordering=("-pk",))

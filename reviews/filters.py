"""The filters of the REST lists. A value that means nothing is a 400, never an empty or a whole list.

An agent, a tool or a page that is not there is a 404.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError as FormError
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import Http404
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from governance.models import Agent, GovernanceRequest, Team, Tool, User
from governance.states import Status
from reviews.pagination import is_storable
from reviews.strict_json import printable

PAGING = ("limit", "cursor")


EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)


class PointInTimeField(IsoDateTimeField):
    """ISO 8601, UTC without a zone. The ends of the calendar, which no database compares, are moved inwards."""

    def clean(self, value: object) -> datetime | None:
        try:
            at = super().clean(value)
        except (OverflowError, ValueError):
            raise FormError("Enter a date and time.") from None
        if at is not None and not is_storable(at):
            return EARLIEST if at.year < 2 else LATEST
        return at and at.astimezone(UTC)  # PostgreSQL refuses an offset of more than 16 hours


class PointInTimeFilter(django_filters.IsoDateTimeFilter):
    field_class = PointInTimeField


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": 100})
class RiskFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField

    def __init__(self, **kwargs: object) -> None:
        super().__init__(field_name="risk_score", min_value=0, max_value=100, **kwargs)

    def get_max_validator(self) -> None:
        """IntegerField has its own."""


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": 2**63 - 1})
class AgentFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField

    def __init__(self, **kwargs: object) -> None:
        super().__init__(min_value=0, max_value=2**63 - 1, **kwargs)

    def get_max_validator(self) -> None:
        """IntegerField has its own."""


@extend_schema_field({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"})
class ToolNameFilter(django_filters.CharFilter):
    def __init__(self, **kwargs: object) -> None:
        name = RegexValidator(r"\A[A-Za-z0-9_-]{1,64}\Z", "Enter the name of a tool.")
        super().__init__(field_name="tool__exposed_name", validators=[name], **kwargs)


class RequestFilter(django_filters.FilterSet):
    """Reads and describes the parameters; `ranges` turns them into index ranges."""

    status = django_filters.ChoiceFilter(choices=Status.choices, help_text="The state it is in now.")
    agent = AgentFilter(help_text="Id of an agent you can see.")
    tool = ToolNameFilter(help_text="Name of a tool you can see, as agents call it.")
    risk_min = RiskFilter(lookup_expr="gte", help_text="Lowest risk score, 0 to 100.")
    risk_max = RiskFilter(lookup_expr="lte", help_text="Highest risk score, 0 to 100.")
    received_since = PointInTimeFilter(field_name="received_at", lookup_expr="gte", help_text="ISO 8601.")
    received_until = PointInTimeFilter(field_name="received_at", lookup_expr="lte", help_text="ISO 8601.")

    class Meta:
        model = GovernanceRequest
        fields: tuple[str, ...] = ()

    def wanted(self) -> dict[str, Any]:
        """The values that were given. Raises ValidationError naming the parameter."""
        if not self.is_valid():
            raise ValidationError(self.errors)
        return {name: value for name, value in self.form.cleaned_data.items() if value not in (None, "")}


def ranges(user: User, wanted: dict[str, Any]) -> tuple[list[QuerySet], Callable[[QuerySet], QuerySet] | None]:
    """What one index each gives newest first, and what must be tried row by row on it (None: nothing)."""
    wanted, rows = dict(wanted), GovernanceRequest.objects.visible_to(user)
    if at := wanted.pop("received_since", None):
        rows = rows.filter(received_at__gte=at)
    if at := wanted.pop("received_until", None):
        rows = rows.filter(received_at__lte=at)
    tools = _tools(user, wanted.pop("tool")) if "tool" in wanted else None
    if "agent" in wanted:
        parts = [rows.filter(agent=_agent(user, wanted.pop("agent")))]
    elif tools is not None:
        parts = [rows.filter(tool=tool) for tool in tools]
        tools = None
    else:
        teams = list(Team.objects.visible_to(user).values_list("pk", flat=True))
        own = {"status": status} if (status := wanted.pop("status", None)) else {}
        parts = [rows.filter(team=team, **own) for team in teams]
    rest = {_LOOKUPS[name]: value for name, value in wanted.items()}
    if tools is not None:
        rest["tool__in"] = tools
    return parts, (lambda part: part.filter(**rest)) if rest else None


_LOOKUPS = {"status": "status", "risk_min": "risk_score__gte", "risk_max": "risk_score__lte"}


def _agent(user: User, pk: int) -> int:
    """Raises Http404, like every address of something that is not there."""
    if not Agent.objects.visible_to(user).filter(pk=pk).exists():
        raise Http404(f"There is no agent {pk} that you can see.")
    return pk


def _tools(user: User, name: str) -> list[int]:
    found = list(Tool.objects.visible_to(user).filter(exposed_name=name).values_list("pk", flat=True))
    if not found:
        raise Http404(f"There is no tool {name} that you can see.")
    return found


def refuse_unknown_parameters(request: Request, known: frozenset[str]) -> None:
    """A misspelt filter would otherwise answer with everything. Raises ValidationError."""
    for name in request.query_params:
        if name not in known:
            there_are = ", ".join(sorted(known)) or "none"
            raise ValidationError({printable(name): f"There is no such parameter here; there are: {there_are}."})
        if not request.query_params[name]:
            raise ValidationError({name: "This parameter has no value. Leave it out instead."})
        if len(request.query_params.getlist(name)) > 1:
            raise ValidationError({name: "This parameter stands there twice."})

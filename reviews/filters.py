"""The filters of the REST lists. A value that means nothing is a 400, never an empty or a whole list."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError as FormError
from django.db.models import QuerySet
from django.http import HttpRequest
from django_filters.fields import IsoDateTimeField
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from governance.models import Agent, GovernanceRequest, Team, Tool, User
from governance.states import Status
from reviews.pagination import is_storable
from reviews.strict_json import printable

PAGING = ("limit", "cursor")


class PointInTimeField(IsoDateTimeField):
    """ISO 8601 with a time zone (UTC without one), within what the databases can compare."""

    def clean(self, value: object) -> datetime | None:
        try:
            at = super().clean(value)
        except (OverflowError, ValueError):
            raise FormError("Enter a date and time.") from None
        if at is not None and not is_storable(at):
            raise FormError("Enter a date and time.")
        return at


class PointInTimeFilter(django_filters.IsoDateTimeFilter):
    field_class = PointInTimeField


class RiskFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField

    def __init__(self, **kwargs: object) -> None:
        super().__init__(field_name="risk_score", min_value=0, max_value=100, **kwargs)

    def get_max_validator(self) -> None:
        """IntegerField has its own."""


def visible_agents(request: HttpRequest | None) -> QuerySet[Agent]:
    return Agent.objects.visible_to(request.user) if request is not None else Agent.objects.none()


class RequestFilter(django_filters.FilterSet):
    """Reads and describes the parameters; `ranges` turns them into index ranges."""

    status = django_filters.ChoiceFilter(choices=Status.choices, help_text="The state it is in now.")
    agent = django_filters.ModelChoiceFilter(queryset=visible_agents, help_text="Id of an agent you can see.")
    tool = django_filters.CharFilter(
        field_name="tool__exposed_name", max_length=64, help_text="Name of a tool you can see, as agents call it."
    )
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
    if agent := wanted.pop("agent", None):
        parts = [rows.filter(agent=agent)]
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


def _tools(user: User, name: str) -> list[int]:
    found = list(Tool.objects.visible_to(user).filter(exposed_name=name).values_list("pk", flat=True))
    if not found:
        raise ValidationError({"tool": f"There is no tool {printable(name)} that you can see."})
    return found


def refuse_unknown_parameters(request: Request, known: frozenset[str]) -> None:
    """A misspelt filter would otherwise answer with everything. Raises ValidationError."""
    for name in request.query_params:
        if name not in known:
            there_are = ", ".join(sorted(known)) or "none"
            raise ValidationError({printable(name): f"There is no such parameter here; there are: {there_are}."})
        if len(request.query_params.getlist(name)) > 1:
            raise ValidationError({name: "This parameter stands there twice."})

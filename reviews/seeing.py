"""What the pages of figures show: the charts and tables of statistics, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from governance.characters import visible
from governance.models import Agent, GovernanceRequest, Tool, User
from governance.policy import DEFAULT_RULE
from reviews import queries
from reviews.charts import Bar, Columns, Place, Series, bars, stacked_columns
from reviews.keyset import Page, page
from reviews.models import Tally
from reviews.statistics import Period, Picture, Sums
from reviews.waits import seconds_of, span

SHOWN = 8  # lines of a table on the overview

PERIODS = (("today", gettext_lazy("Today")), ("7d", gettext_lazy("7 days")), ("30d", gettext_lazy("30 days")))

# From below: what nobody had to look at, what people decided, what nobody decided.
OUTCOMES = (
    Series("passed", gettext_lazy("Went through alone")), Series("approved", gettext_lazy("Approved by a person")),
    Series("rejected", gettext_lazy("Rejected")), Series("expired", gettext_lazy("Expired")),
)
VERDICTS = (Series("approved", gettext_lazy("Approved")), Series("rejected", gettext_lazy("Rejected")))
BANDS = {
    "high": gettext_lazy("High"), "medium": gettext_lazy("Medium"), "low": gettext_lazy("Low"),
    "none": gettext_lazy("Not scored"),
}
_RISK = {"high": {"risk_from": 70}, "medium": {"risk_from": 40, "risk_to": 69}, "low": {"risk_to": 39}}


def outcomes_of(sums: Sums) -> dict[str, int]:
    return {
        "passed": sums["passed"], "approved": sums.approvals, "rejected": sums.rejections, "expired": sums["expired"]
    }


# -- over time ---------------------------------------------------------------------------------


def over_time(picture: Picture, period: Period) -> Columns:
    """Decisions per hour of today, or per day."""
    places = []
    for at, sums in picture.series:
        if period.is_today:
            label = _("%(from)s to %(to)s") % {
                "from": date_format(at, "H:i"), "to": date_format(at + timedelta(hours=1), "H:i")
            }
            places.append(Place(label, date_format(at, "H:i"), outcomes_of(sums)))
        else:
            link = _history(received_from=at.date().isoformat(), received_to=at.date().isoformat())
            places.append(Place(date_format(at, "D j M"), date_format(at, "j M"), outcomes_of(sums), link))
    return stacked_columns(OUTCOMES, places)


# -- time to decision --------------------------------------------------------------------------

_LIMITS = (10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)  # seconds


def waits_chart(picture: Picture) -> Columns:
    """How many of people's decisions took how long."""
    classes: list[dict[str, int]] = [{"approved": 0, "rejected": 0} for _limit in (*_LIMITS, None)]
    for bucket, sums in picture.waits.items():
        seconds = seconds_of(bucket)
        place = next((number for number, limit in enumerate(_LIMITS) if seconds <= limit), len(_LIMITS))
        for name in ("approved", "rejected"):
            classes[place][name] += sums[name]
    names = [_("up to %(time)s") % {"time": span(limit)} for limit in _LIMITS]
    names.append(_("over %(time)s") % {"time": span(_LIMITS[-1])})
    short = [f"≤ {span(limit)}" for limit in _LIMITS] + [f"> {span(_LIMITS[-1])}"]
    places = [Place(name, tick, values) for name, tick, values in zip(names, short, classes, strict=True)]
    return stacked_columns(VERDICTS, places)


# -- tables ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of a table: what, how much, and where it leads."""

    name: str
    sums: Sums
    bar: Bar
    link: str = ""
    requests: str = ""  # the list behind the figures
    band: str = ""
    is_code: bool = False


@dataclass(frozen=True)
class Table:
    kind: str
    title: str
    what: str  # the heading of the first column
    lines: tuple[Line, ...]
    more: str = ""  # "5 more agents"
    more_link: str = ""
    note: str = ""


def tables_of(user: User, picture: Picture, period: Period) -> list[Table]:
    return [
        _bands(picture, period), _agents(user, picture, period), _tools(user, picture, period), _rules(picture),
    ]


def _bands(picture: Picture, period: Period) -> Table:
    found = dict(picture.subjects(Tally.Kind.BAND))
    rows = [
        (str(label), found[band], {"band": band, "requests": _history(period, **_RISK[band]) if band in _RISK else ""})
        for band, label in BANDS.items() if band in found
    ]
    return _table("bands", _("By risk band"), _("Band"), rows)


def _agents(user: User, picture: Picture, period: Period) -> Table:
    found = picture.subjects(Tally.Kind.AGENT)
    names = dict(
        Agent.objects.visible_to(user).filter(pk__in=[pk for pk, _sums in found[:SHOWN]]).values_list("pk", "name")
    )
    rows = [
        (names[int(pk)], sums, {"link": reverse("agent", args=[pk]), "requests": _history(period, agent=pk)})
        for pk, sums in found[:SHOWN] if int(pk) in names
    ]
    rest = len(found) - SHOWN
    more = ngettext("%(n)s more agent", "%(n)s more agents", rest) % {"n": rest} if rest > 0 else ""
    return _table("agents", _("By agent"), _("Agent"), rows, more=more, more_link=reverse("agents"))


def _tools(user: User, picture: Picture, period: Period) -> Table:
    found = picture.subjects(Tally.Kind.TOOL)
    names = dict(
        Tool.objects.visible_to(user).filter(pk__in=[pk for pk, _sums in found[:SHOWN]])
        .values_list("pk", "exposed_name")
    )
    rows = [
        (names[int(pk)], sums, {
            "link": reverse("tool", args=[pk]), "requests": _history(period, tool=pk), "is_code": True
        })
        for pk, sums in found[:SHOWN] if int(pk) in names
    ]
    rest = len(found) - SHOWN
    more = ngettext("%(n)s more tool", "%(n)s more tools", rest) % {"n": rest} if rest > 0 else ""
    return _table("tools", _("By tool"), _("Tool"), rows, more=more, more_link=reverse("tools"))


def _rules(picture: Picture) -> Table:
    found = picture.subjects(Tally.Kind.RULE)
    rows = [
        (_("no rule matched") if rule == DEFAULT_RULE else rule, sums, {"is_code": rule != DEFAULT_RULE})
        for rule, sums in found[:SHOWN]
    ]
    rest = len(found) - SHOWN
    more = ngettext("%(n)s more rule", "%(n)s more rules", rest) % {"n": rest} if rest > 0 else ""
    return _table("rules", _("By rule of the policy"), _("Rule"), rows, more=more)


def _table(kind: str, title: str, what: str, rows: Sequence[tuple], more: str = "", more_link: str = "") -> Table:
    drawn = bars(OUTCOMES, [outcomes_of(sums) for _name, sums, _rest in rows])
    lines = tuple(
        Line(name=name, sums=sums, bar=bar, **rest) for (name, sums, rest), bar in zip(rows, drawn, strict=True)
    )
    return Table(kind, title, what, lines, more, more_link)


def _history(period: Period | None = None, **query: object) -> str:
    if period is not None:
        query = {**query, "received_from": timezone.localtime(period.start).date().isoformat()}
    return f"{reverse('history')}?{urlencode(query)}"


# -- one agent, one tool -----------------------------------------------------------------------

LAST = 20  # requests on the page of an agent or a tool


def last_requests(request: HttpRequest, **subject: Agent | Tool) -> tuple[Page, list[GovernanceRequest]]:
    """A page of what it was asked or asked for, newest first."""
    found = page(
        [GovernanceRequest.objects.filter(**subject)], queries.NEWEST, after=request.GET.get("after", ""),
        before=request.GET.get("before", ""), size=LAST,
    )
    return found, queries.rows_of(request.user, found.keys)


def preview_in_words(preview: object) -> str:
    """What a reviewer is shown before the call runs; empty when the catalog names nothing."""
    rule = preview if isinstance(preview, dict) else {}
    if name := rule.get("dry_run"):
        return _("%(tool)s is run with the same arguments; it changes nothing.") % {"tool": visible(str(name))}
    if name := rule.get("read"):
        return _("%(tool)s is read and compared with the arguments.") % {"tool": visible(str(name))}
    return ""

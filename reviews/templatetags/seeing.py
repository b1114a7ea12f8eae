"""Filters of the pages of figures."""

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from reviews import waits

register = template.Library()
register.filter("span", waits.span)


@register.filter
def share(value: float | None) -> str:
    """`87 %` as the language writes it; a dash for none. What is not all is never shown as all, nor some as none."""
    if value is None:
        return "–"
    shown = round(100 * value)
    shown = 99 if shown == 100 and value < 1 else 1 if shown == 0 and value > 0 else shown
    return _("%(n)s%%") % {"n": shown}


@register.filter
def figure(value: int) -> str:
    """`1,234,567`, as the language groups it."""
    return number_format(value, force_grouping=True) if value > 999 else str(value)

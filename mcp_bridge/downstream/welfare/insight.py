"""What the office knows before a call runs: names, and before and after. Reads only, locks nothing, changes nothing."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.toolservers import Preview, PreviewedChange
from governance.wording import day_in_words, value_in_words
from mcp_bridge.downstream.welfare import office
from mcp_bridge.models.welfare import Beneficiary, BeneficiaryStatus

EXTENSIONS = ("request_extension", "request_payment_extension")

LABELS = {
    "address": gettext_lazy("address"), "bank_account": gettext_lazy("bank account"),
    "entitled_until": gettext_lazy("payments run until"), "household_size": gettext_lazy("household size"),
    "monthly_amount": gettext_lazy("monthly amount"), "next_payment_on": gettext_lazy("next payment on"),
    "phone": gettext_lazy("phone"), "status": gettext_lazy("status"),
}
STATUSES = {
    BeneficiaryStatus.ACTIVE: gettext_lazy("active"), BeneficiaryStatus.SUSPENDED: gettext_lazy("suspended"),
    BeneficiaryStatus.CLOSED: gettext_lazy("closed"),
}


def names(values: Iterable[str]) -> dict[str, str]:
    """As written → name. One query."""
    references = {value: reference for value in values if (reference := _reference(value))}
    people = dict(
        Beneficiary.objects.filter(reference__in=sorted(set(references.values()))).values_list("reference", "name")
    ) if references else {}
    return {value: people[reference] for value, reference in references.items() if reference in people}


def foreseen(calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Until when payments would run after each extension if it ran now, or that it would be refused. One query."""
    wanted = {
        reference for tool, arguments in calls
        if tool in EXTENSIONS and (reference := _reference(arguments.get("beneficiary_id")))
    }
    people = {person.reference: person for person in Beneficiary.objects.filter(reference__in=sorted(wanted))} \
        if wanted else {}
    return [_until(people, tool, arguments) for tool, arguments in calls]


def _until(people: Mapping[str, Beneficiary], tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    if tool not in EXTENSIONS:
        return {}
    person = people.get(_reference(arguments.get("beneficiary_id")))
    if person is None or not person.is_active:
        return {"refused": True}
    try:
        return {"until": office.extended_until(person, office.days_of(arguments))}
    except office.Refused:
        return {"refused": True}


def _reference(value: object) -> str:
    """As the office reads an id; empty for what is none."""
    text = value.strip().upper() if isinstance(value, str) else ""
    return text if re.fullmatch(office.REFERENCE, text, re.ASCII) else ""


# -- before and after --------------------------------------------------------------------------


def preview(tool: str, arguments: Mapping[str, Any]) -> Preview:
    look = _PREVIEWS.get(tool)
    if look is None:
        return Preview()
    try:
        return look(arguments)
    except office.Refused as refused:
        return Preview(warning=_("The office would refuse this call: %(why)s") % {"why": refused})


def _looked_up(arguments: Mapping[str, Any]) -> Preview:
    office.find(arguments)
    return Preview(note=_("Reads the file. Nothing changes."), reversibility=_("There is nothing to take back."))


def _extended(arguments: Mapping[str, Any]) -> Preview:
    office.reason_of(arguments, required=True)
    days, person = office.days_of(arguments), office.find(arguments)
    if not person.is_active:
        return Preview(
            warning=_("%(person)s (%(reference)s) is %(status)s: the office would refuse this call.")
            % {"person": person.name, "reference": person.reference, "status": STATUSES[person.status]},
            reversibility=_("There is nothing to take back: it would be refused."),
        )
    count = person.extensions.count()
    return Preview(
        changes=(
            PreviewedChange(
                _("payments run until"), day_in_words(person.entitled_until),
                day_in_words(office.extended_until(person, days)),
            ),
            PreviewedChange(_("extensions"), str(count), str(count + 1)),
        ),
        reversibility=_("Each call extends again. Take it back by setting entitled_until to the day before."),
    )


def _modified(arguments: Mapping[str, Any]) -> Preview:
    office.reason_of(arguments, required=False)
    name, value = office.change_of(arguments)
    person = office.find(arguments)
    before, after = _said(name, getattr(person, name)), _said(name, value)
    note = _("It has this value already.") if before == after else ""
    return Preview(
        changes=(PreviewedChange(str(LABELS[name]), before, after),), note=note,
        reversibility=_("Reversible: set the field back; the value before is kept in the file."),
    )


_PREVIEWS: dict[str, Callable[[Mapping[str, Any]], Preview]] = {
    "check_payment_status": _looked_up, **dict.fromkeys(EXTENSIONS, _extended), "modify_welfare_record": _modified,
}


def _said(name: str, value: Any) -> str:
    if isinstance(value, date):
        return day_in_words(value)
    if isinstance(value, Decimal):
        return f"{value} EUR"
    return str(STATUSES[value]) if name == "status" else value_in_words(value)

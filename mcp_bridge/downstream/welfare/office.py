"""What the welfare tools do. Each deed is one transaction; a refusal changes nothing and says what to do instead."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from governance.models import ToolServer
from mcp_bridge.downstream.welfare.definitions import DEFAULT_DAYS, MAX_DAYS, MAX_REASON_CHARS
from mcp_bridge.downstream.welfare.fields import FIELDS
from mcp_bridge.models.welfare import Beneficiary, Extension, RecordChange

LATEST_PAYMENTS = 3
COMPARED_IDS = 10_000
REFERENCE = r"BEN-\d{3,6}"


class Refused(Exception):
    """The office does not do this; the message is for the agent."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.details = code, details


@dataclass(frozen=True)
class Answer:
    text: str
    facts: dict[str, Any]


def check_payment_status(server: ToolServer, arguments: Mapping[str, Any]) -> Answer:
    person = find(arguments)
    latest = list(person.payments.all()[:LATEST_PAYMENTS])
    extensions = person.extensions.count()
    following = f"next payment on {person.next_payment_on}" if person.next_payment_on else "no payment scheduled"
    text = (
        f"{person.name} ({person.reference}), {person.programme}: {person.get_status_display().lower()}. "
        f"{person.monthly_amount} EUR a month, {following}, payments run until {person.entitled_until}, "
        f"extended {_times(extensions)}."
    )
    if latest:
        text += " Latest: " + "; ".join(
            f"{payment.amount} EUR on {payment.due_on} ({payment.get_status_display().lower()})" for payment in latest
        ) + "."
    return Answer(text, {
        **_summary(person),
        "extensions": extensions,
        "latest_payments": [
            {"amount": str(payment.amount), "due_on": payment.due_on.isoformat(), "status": payment.status}
            for payment in latest
        ],
    })


def extend(server: ToolServer, arguments: Mapping[str, Any]) -> Answer:
    reason, days = reason_of(arguments, required=True), days_of(arguments)
    person = find(arguments, lock=True)
    if not person.is_active:
        raise Refused(
            "not_active",
            f"{person.reference} is {person.get_status_display().lower()}: only active beneficiaries get an extension. "
            "Ask a case worker whether the case can be opened again.",
            status=person.status,
        )
    before = person.entitled_until
    person.entitled_until = extended_until(person, days)
    person.save(update_fields=["entitled_until"])
    extension = Extension.objects.create(
        beneficiary=person, server=server, days=days, reason=reason, until_before=before,
        until_after=person.entitled_until,
    )
    count = person.extensions.count()
    return Answer(
        f"Extended the payments of {person.name} ({person.reference}) by {days} days: they now run until "
        f"{person.entitled_until} (before: {before}). Extended {_times(count)} in all.",
        {
            **_summary(person), "extension_id": extension.pk, "days": days, "reason": reason,
            "before": before.isoformat(), "after": person.entitled_until.isoformat(), "extensions": count,
        },
    )


def extended_until(person: Beneficiary, days: int) -> date:
    """An entitlement that has already ended goes on from today, not from the past."""
    return max(person.entitled_until, timezone.localdate()) + timedelta(days=days)


def modify(server: ToolServer, arguments: Mapping[str, Any]) -> Answer:
    reason = reason_of(arguments, required=False)
    name, value = change_of(arguments)
    person = find(arguments, lock=True)
    before, after = _plain(getattr(person, name)), _plain(value)
    setattr(person, name, value)
    person.save(update_fields=[name])
    change = RecordChange.objects.create(
        beneficiary=person, server=server, field=name, before=before, after=after, reason=reason
    )
    return Answer(
        f"Changed {name} of {person.name} ({person.reference}) from {before or 'nothing'} to {after}.",
        {
            "beneficiary_id": person.reference, "name": person.name, "change_id": change.pk, "field": name,
            "before": before, "after": after,
        },
    )


def change_of(arguments: Mapping[str, Any]) -> tuple[str, Any]:
    """The field, and its new value as the column takes it. Raises Refused."""
    name = arguments.get("field")
    field = FIELDS.get(name) if isinstance(name, str) else None
    if field is None:
        raise Refused(
            "unknown_field", f"There is no field {_quote(name)} to modify. Use one of: {', '.join(sorted(FIELDS))}.",
            fields=sorted(FIELDS),
        )
    try:
        return name, field.read(arguments.get("new_value"))
    except ValueError:
        raise Refused(
            "invalid_value", f"{_quote(arguments.get('new_value'))} does not fit {name}. Send {field.expects}.",
            field=name, expects=field.expects,
        ) from None


def find(arguments: Mapping[str, Any], *, lock: bool = False) -> Beneficiary:
    given = str(arguments.get("beneficiary_id", "")).strip().upper()
    rows = Beneficiary.objects.select_for_update() if lock else Beneficiary.objects.all()
    person = rows.filter(reference=given).first() if re.fullmatch(REFERENCE, given, re.ASCII) else None
    if person is not None:
        return person
    known = list(Beneficiary.objects.values_list("reference", flat=True)[:COMPARED_IDS])
    closest = difflib.get_close_matches(given, known, n=3, cutoff=0.5)
    advice = f"The closest ids are {', '.join(closest)}." if closest else "Ask the user for the beneficiary's id."
    raise Refused(
        "unknown_beneficiary",
        f"There is no beneficiary {_quote(arguments.get('beneficiary_id'))}. An id is BEN- and its digits, for example "
        f"BEN-123. {advice} Do not guess: make sure it is the right person, then call again.",
        closest_ids=closest,
    )


def reason_of(arguments: Mapping[str, Any], *, required: bool) -> str:
    reason = arguments.get("reason", "")
    if not isinstance(reason, str) or len(reason) > MAX_REASON_CHARS or (required and not reason.strip()):
        raise Refused("invalid_reason", f"Give a reason of 1 to {MAX_REASON_CHARS} characters as text.")
    return reason.strip()


def days_of(arguments: Mapping[str, Any]) -> int:
    days = arguments.get("days", DEFAULT_DAYS)
    whole = isinstance(days, int) or (isinstance(days, float) and days.is_integer())
    if isinstance(days, bool) or not whole or not 1 <= days <= MAX_DAYS:
        raise Refused(
            "invalid_days", f"days is {_quote(days)}. Send a whole number from 1 to {MAX_DAYS}, or leave it out for "
            f"{DEFAULT_DAYS}.",
        )
    return int(days)


def _summary(person: Beneficiary) -> dict[str, Any]:
    return {
        "beneficiary_id": person.reference, "name": person.name, "programme": person.programme,
        "status": person.status, "monthly_amount": str(person.monthly_amount), "currency": "EUR",
        "next_payment_on": person.next_payment_on.isoformat() if person.next_payment_on else None,
        "entitled_until": person.entitled_until.isoformat(),
    }


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _quote(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")

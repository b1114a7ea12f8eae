"""The fields of a welfare record that modify_welfare_record may set, and how a value for each is read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone

from mcp_bridge.models.welfare import BeneficiaryStatus

MAX_AMOUNT = Decimal("10000")
MAX_HOUSEHOLD = 30
FURTHEST = timedelta(days=5 * 366)


@dataclass(frozen=True)
class Field:
    """`read` turns what an agent sent into the column's value; ValueError when it does not fit `expects`."""

    expects: str
    read: Callable[[Any], Any]


def read_text(low: int, high: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not low <= len(value.strip()) <= high or not value.strip().isprintable():
            raise ValueError
        return value.strip()

    return read


def read_shape(pattern: str) -> Callable[[Any], str]:
    """Text without its spaces, in capitals, that matches as a whole."""

    def read(value: Any) -> str:
        text = re.sub(r"\s", "", str(value)).upper()
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError
        return text

    return read


def read_choice(value: Any) -> str:
    return str(BeneficiaryStatus(str(value).strip().lower()))


def read_amount(value: Any) -> Decimal:
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError from None
    if not amount.is_finite() or not 0 <= amount <= MAX_AMOUNT or amount != amount.quantize(Decimal("0.01")):
        raise ValueError
    return amount.quantize(Decimal("0.01"))


def read_household(value: Any) -> int:
    number = Decimal(str(value).strip()) if re.fullmatch(r"\d{1,3}(\.0+)?", str(value).strip(), re.ASCII) else None
    if number is None or not 1 <= number <= MAX_HOUSEHOLD:
        raise ValueError
    return int(number)


def read_coming_date(value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip(), re.ASCII):
        raise ValueError
    day, today = date.fromisoformat(value.strip()), timezone.localdate()
    if not today <= day <= today + FURTHEST:
        raise ValueError
    return day


_DATE = "a date as YYYY-MM-DD, from today to five years ahead"

FIELDS: dict[str, Field] = {
    "address": Field("5 to 200 characters", read_text(5, 200)),
    "bank_account": Field(
        "an IBAN: two letters, two digits, then 11 to 30 letters or digits", read_shape(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
    ),
    "entitled_until": Field(_DATE, read_coming_date),
    "household_size": Field(f"a whole number from 1 to {MAX_HOUSEHOLD}", read_household),
    "monthly_amount": Field(f"EUR from 0 to {MAX_AMOUNT} with at most two decimals", read_amount),
    "next_payment_on": Field(_DATE, read_coming_date),
    "phone": Field("6 to 20 digits, with a leading + if international", read_shape(r"\+?\d{6,20}")),
    "status": Field("one of " + ", ".join(BeneficiaryStatus.values), read_choice),
}

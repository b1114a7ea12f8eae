"""The fictional people of the welfare register."""

from calendar import monthrange
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from mcp_bridge.models.welfare import Beneficiary, BeneficiaryStatus, Payment, PaymentStatus

# reference, name, programme, status, EUR a month, household, months of entitlement left, address, phone, IBAN
PEOPLE: list[tuple[str, str, str, str, str, int, int, str, str, str]] = [
    ("BEN-101", "Miriam Castellanos", "Family benefit", "active", "612.00", 4, 7,
     "14 Harbour Lane, Port Ellery", "+15550100101", "XX11ATLS00000000000101"),
    ("BEN-108", "Tomasz Wieczorek", "Disability allowance", "active", "834.50", 1, 11,
     "2 Mill Court, Port Ellery", "+15550100108", "XX11ATLS00000000000108"),
    ("BEN-115", "Leilani Kahananui", "Housing support", "active", "455.00", 3, 2,
     "77 Quarry Road, Nether Vale", "+15550100115", "XX11ATLS00000000000115"),
    ("BEN-123", "Ada Obi", "Housing support", "active", "540.00", 2, 1,
     "9 Almond Street, Port Ellery", "+15550100123", "XX11ATLS00000000000123"),
    ("BEN-131", "Henrik Solberg", "Old-age pension", "active", "1128.75", 2, 48,
     "31 Lighthouse Row, Skerry Point", "+15550100131", "XX11ATLS00000000000131"),
    ("BEN-140", "Farida Rahmani", "Resettlement grant", "active", "698.20", 5, 5,
     "6 Tannery Yard, Nether Vale", "+15550100140", "XX11ATLS00000000000140"),
    ("BEN-152", "Joaquim Teixeira", "Unemployment benefit", "suspended", "720.00", 1, 3,
     "118 Station Parade, Port Ellery", "+15550100152", "XX11ATLS00000000000152"),
    ("BEN-167", "Oluwaseun Adeyemi", "Carer's allowance", "active", "388.40", 3, 9,
     "40 Orchard Rise, Nether Vale", "+15550100167", "XX11ATLS00000000000167"),
    ("BEN-174", "Ingrid Haapala", "Sickness benefit", "active", "905.10", 2, 1,
     "5 Ferry Steps, Skerry Point", "+15550100174", "XX11ATLS00000000000174"),
    ("BEN-189", "Mateo Quispe", "Child support", "active", "276.00", 2, 14,
     "23 Copper Hill, Port Ellery", "+15550100189", "XX11ATLS00000000000189"),
    ("BEN-196", "Bronwen Pritchard", "Old-age pension", "closed", "1040.00", 1, 0,
     "1 Abbey Close, Nether Vale", "+15550100196", "XX11ATLS00000000000196"),
    ("BEN-204", "Nadia Benhaddou", "Training allowance", "active", "515.35", 1, 4,
     "66 Weaver Street, Port Ellery", "+15550100204", "XX11ATLS00000000000204"),
    ("BEN-218", "Samuel Okonkwo-Reyes", "Housing support", "active", "470.00", 6, 6,
     "12 Gull Terrace, Skerry Point", "+15550100218", "XX11ATLS00000000000218"),
    ("BEN-225", "Yuki Tanabe", "Disability allowance", "active", "861.90", 2, 10,
     "84 Meadow Walk, Nether Vale", "+15550100225", "XX11ATLS00000000000225"),
]
PAST_PAYMENTS = 3


def seed_beneficiaries() -> int:
    """Adds the fictional people who are missing, with their past payments; how many. Never changes one that exists."""
    today = timezone.localdate()
    known = set(Beneficiary.objects.values_list("reference", flat=True))
    missing = [person for person in PEOPLE if person[0] not in known]
    for person in missing:
        with transaction.atomic():
            _add(person, today)
    return len(missing)


def _add(person: tuple[str, str, str, str, str, int, int, str, str, str], today: date) -> None:
    reference, name, programme, status, amount, household, months, address, phone, account = person
    paid_now = status == BeneficiaryStatus.ACTIVE
    row, created = Beneficiary.objects.get_or_create(
        reference=reference,
        defaults={
            "name": name, "programme": programme, "status": status, "monthly_amount": Decimal(amount),
            "household_size": household, "address": address, "phone": phone, "bank_account": account,
            "next_payment_on": first_of_month(today, 1) if paid_now else None,
            "entitled_until": last_of_month(today, months if status != BeneficiaryStatus.CLOSED else -2),
        },
    )
    if created:
        Payment.objects.bulk_create(
            Payment(
                beneficiary=row, amount=row.monthly_amount, due_on=first_of_month(today, -back),
                status=PaymentStatus.PAID if paid_now or back > 0 else PaymentStatus.HELD,
            )
            for back in range(PAST_PAYMENTS)
        )


def first_of_month(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def last_of_month(day: date, months: int) -> date:
    first = first_of_month(day, months)
    return first.replace(day=monthrange(first.year, first.month)[1])

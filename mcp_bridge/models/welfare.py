"""The register of the built-in welfare office: beneficiaries, their payments, and what was changed for them.

One office serves every team; what a team's tool server did there (extensions, changes) belongs to that team.
"""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from governance.models import ToolServer
from governance.models.people import User
from governance.models.visibility import VisibleQuerySet


class OfficeQuerySet(VisibleQuerySet):
    """The register itself has no team: everybody who works here may read it."""

    def visible_to(self, user: User) -> Self:
        return self.all() if user.is_active else self.none()


class DeedQuerySet(VisibleQuerySet):
    """What a team's tool server did in the office."""

    team_path = "server__team"


class BeneficiaryStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    CLOSED = "closed", "Closed"


class Beneficiary(models.Model):
    reference = models.CharField(max_length=10, unique=True, help_text="BEN- and three to six digits.")
    name = models.CharField(max_length=100)
    programme = models.CharField(max_length=60)
    status = models.CharField(max_length=10, choices=BeneficiaryStatus, default=BeneficiaryStatus.ACTIVE)
    monthly_amount = models.DecimalField(max_digits=8, decimal_places=2, help_text="EUR")
    next_payment_on = models.DateField(null=True, blank=True)
    entitled_until = models.DateField(help_text="Payments end here unless they are extended.")
    household_size = models.PositiveSmallIntegerField(default=1)
    address = models.CharField(max_length=200)
    phone = models.CharField(max_length=30, blank=True)
    bank_account = models.CharField(max_length=34, help_text="IBAN without spaces.")

    objects = OfficeQuerySet.as_manager()

    class Meta:
        ordering = ["reference"]
        verbose_name_plural = "beneficiaries"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=BeneficiaryStatus.values), name="beneficiary_status_valid"),
            models.CheckConstraint(condition=Q(monthly_amount__gte=0), name="beneficiary_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.name}"

    @property
    def is_active(self) -> bool:
        return self.status == BeneficiaryStatus.ACTIVE


class PaymentStatus(models.TextChoices):
    PAID = "paid", "Paid"
    HELD = "held", "Held back"
    RETURNED = "returned", "Returned by the bank"


class Payment(models.Model):
    beneficiary = models.ForeignKey(Beneficiary, on_delete=models.CASCADE, related_name="payments")
    amount = models.DecimalField(max_digits=8, decimal_places=2, help_text="EUR")
    due_on = models.DateField()
    status = models.CharField(max_length=10, choices=PaymentStatus)

    objects = OfficeQuerySet.as_manager()

    class Meta:
        ordering = ["-due_on", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=PaymentStatus.values), name="payment_status_valid"),
            models.UniqueConstraint(fields=["beneficiary", "due_on"], name="one_payment_per_beneficiary_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} EUR on {self.due_on}"


class Extension(models.Model):
    """Payments go on for some days more. Written by request_extension and request_payment_extension."""

    beneficiary = models.ForeignKey(Beneficiary, on_delete=models.PROTECT, related_name="extensions")
    server = models.ForeignKey(ToolServer, on_delete=models.PROTECT, related_name="+")
    days = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=1000)
    until_before = models.DateField()
    until_after = models.DateField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = DeedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=Q(days__gte=1), name="extension_days_positive")]

    def __str__(self) -> str:
        return f"{self.days} days until {self.until_after}"


class RecordChange(models.Model):
    """One field before and after. Written by modify_welfare_record."""

    beneficiary = models.ForeignKey(Beneficiary, on_delete=models.PROTECT, related_name="changes")
    server = models.ForeignKey(ToolServer, on_delete=models.PROTECT, related_name="+")
    field = models.CharField(max_length=30)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = DeedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.field}: {self.before} → {self.after}"

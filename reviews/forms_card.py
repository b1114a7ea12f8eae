"""The forms of one request: decide, ask, extend, hand over."""

from typing import Any

from django import forms
from django.contrib.auth.models import BaseUserManager
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from governance.actions.ask import MAX_QUESTION_CHARS
from governance.actions.claim import MAX_NOTE_CHARS
from governance.actions.decide import MAX_DECISION_REASON_CHARS
from governance.actions.extend import EXTENSIONS, MAX_EXTEND_REASON_CHARS
from governance.models import GovernanceRequest, User
from governance.models.requests import DECIDING_ROLES
from governance.states import Verdict

# What reviewers say most; the agent reads it before their own words.
PRESETS = {
    "policy": _("Not authorised by our policy."),
    "document": _("A document is needed first."),
    "mistake": _("Wrong person or amount."),
    "user": _("Ask your user first."),
}
_MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class DecideForm(forms.Form):
    """One verdict. A rejection needs its reason: the agent reads it and acts on it."""

    verdict = forms.ChoiceField(choices=Verdict, error_messages={"required": _("Approve or reject.")})
    preset = forms.ChoiceField(choices=[("", ""), *PRESETS.items()], required=False)
    reason = forms.CharField(
        required=False, max_length=MAX_DECISION_REASON_CHARS,
        error_messages={"max_length": _("Keep the reason within %(limit_value)d characters.")},
    )
    edited = forms.CharField(required=False, max_length=1_000_000)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("verdict") == Verdict.REJECTED and "reason" not in self.errors:
            preset = str(PRESETS.get(data.get("preset") or "", ""))
            data["reason"] = " ".join(filter(None, [preset, data.get("reason", "")]))
            if not data["reason"]:
                self.add_error("reason", _("Say why you reject it: the agent reads this and tells its user."))
        return data

    @property
    def is_rejection(self) -> bool:
        return self.is_bound and self.data.get("verdict") == Verdict.REJECTED


class AskForm(forms.Form):
    text = forms.CharField(
        max_length=MAX_QUESTION_CHARS,
        error_messages={
            "required": _("Write your question first."),
            "max_length": _("Keep the question within %(limit_value)d characters."),
        },
    )


class ExtendForm(forms.Form):
    seconds = forms.TypedChoiceField(choices=[(seconds, seconds) for seconds in EXTENSIONS], coerce=int)
    reason = forms.CharField(required=False, max_length=MAX_EXTEND_REASON_CHARS)


class HandOverForm(forms.Form):
    to = forms.ModelChoiceField(None, error_messages={"required": _("Choose who takes it.")})
    note = forms.CharField(
        required=False, max_length=MAX_NOTE_CHARS,
        error_messages={"max_length": _("Keep the note within %(limit_value)d characters.")},
    )

    def __init__(self, *args: Any, request: GovernanceRequest, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = colleagues_of(request).exclude(pk=user.pk)


def colleagues_of(request: GovernanceRequest) -> QuerySet:
    """Everybody who may decide this request, in one query."""
    manager: BaseUserManager = User.objects
    return (
        manager.with_perm("governance.decide_request", backend=_MODEL_BACKEND)
        .filter(membership__team_id=request.team_id, membership__role__in=DECIDING_ROLES)
        .exclude(pk=request.agent.owner_id).order_by("username").distinct()
    )

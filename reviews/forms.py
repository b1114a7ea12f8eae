"""The console's forms: halt, decide several, and the filters of queue and history."""

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from governance.actions.decide import MAX_DECISION_REASON_CHARS
from governance.actions.halt import MAX_HALT_REASON_CHARS
from governance.models import User
from governance.states import Status, Verdict
from reviews import queries


class HaltForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_HALT_REASON_CHARS, error_messages={"required": _("Say why; the agents read it.")}
    )


class BatchForm(forms.Form):
    """One verdict on several identical calls. A rejection needs its reason: each agent reads it."""

    verdict = forms.ChoiceField(choices=Verdict, error_messages={"required": _("Approve or reject.")})
    reason = forms.CharField(required=False, max_length=MAX_DECISION_REASON_CHARS)

    def clean(self) -> dict[str, str]:
        data = super().clean()
        if data.get("verdict") == Verdict.REJECTED and not data.get("reason") and "reason" not in self.errors:
            self.add_error("reason", _("Say why you reject it: the agent reads this and tells its user."))
        return data


class HistoryForm(forms.Form):
    q = forms.CharField(required=False, max_length=200, label=_("Search"))
    agent = forms.ModelChoiceField(None, required=False, empty_label=_("Any agent"), label=_("Agent"))
    tool = forms.ModelChoiceField(None, required=False, empty_label=_("Any tool"), label=_("Tool"))
    status = forms.MultipleChoiceField(
        required=False, choices=Status, label=_("Status"), widget=forms.CheckboxSelectMultiple
    )
    risk_from = forms.IntegerField(required=False, min_value=0, max_value=100, label=_("Risk from"))
    risk_to = forms.IntegerField(required=False, min_value=0, max_value=100, label=_("Risk to"))
    received_from = forms.DateField(
        required=False, label=_("Received from"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    received_to = forms.DateField(
        required=False, label=_("Received to"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    decided_by = forms.ModelChoiceField(None, required=False, empty_label=_("Anybody"), label=_("Decided by"))
    field_order = ("q", "status", "agent", "tool", "risk_from", "risk_to", "received_from", "received_to", "decided_by")

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agent"].queryset = queries.agents_of(user)
        self.fields["tool"].queryset = queries.tools_of(user)
        self.fields["decided_by"].queryset = queries.reviewers_of(user)

    def clean_q(self) -> str:
        text = self.cleaned_data["q"].strip()
        if "\x00" in text:
            raise forms.ValidationError(gettext("The search contains a character that no request can contain."))
        return text

    def wanted(self) -> queries.HistoryFilter:
        """Of the valid fields; an invalid one narrows nothing and is shown with its error."""
        data = self.cleaned_data
        return queries.HistoryFilter(
            text=data.get("q", ""), statuses=tuple(data.get("status", ())), agent=data.get("agent"),
            tool=data.get("tool"), decided_by=data.get("decided_by"), risk_from=data.get("risk_from"),
            risk_to=data.get("risk_to"), received_from=data.get("received_from"), received_to=data.get("received_to"),
        )

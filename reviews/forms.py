"""The console's forms: decide, halt, and the filters of queue and history."""

from django import forms

from governance.actions.decide import MAX_DECISION_REASON_CHARS
from governance.actions.halt import MAX_HALT_REASON_CHARS
from governance.models import User
from governance.states import Status, Verdict
from reviews import queries


class DecideForm(forms.Form):
    """One verdict. A rejection needs its reason: the agent reads it and acts on it."""

    verdict = forms.ChoiceField(choices=Verdict, error_messages={"required": "Approve or reject."})
    reason = forms.CharField(
        required=False, max_length=MAX_DECISION_REASON_CHARS, label="Reason",
        error_messages={"max_length": f"Keep the reason within {MAX_DECISION_REASON_CHARS:,} characters."},
    )

    def clean(self) -> dict[str, str]:
        data = super().clean()
        if data.get("verdict") == Verdict.REJECTED and not data.get("reason") and "reason" not in self.errors:
            self.add_error("reason", "Say why you reject it: the agent reads this and tells its user.")
        return data


class HaltForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_HALT_REASON_CHARS, error_messages={"required": "Say why; the agents read it."}
    )


class QueueForm(forms.Form):
    sort = forms.ChoiceField(
        required=False, choices=[("risk", "Risk"), ("deadline", "Deadline"), ("age", "Age")], label="Order"
    )
    agent = forms.ModelChoiceField(None, required=False, empty_label="Any agent")
    tool = forms.ModelChoiceField(None, required=False, empty_label="Any tool")

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agent"].queryset = queries.agents_of(user)
        self.fields["tool"].queryset = queries.tools_of(user)


class HistoryForm(QueueForm):
    sort = None
    q = forms.CharField(required=False, max_length=200, label="Search")
    status = forms.MultipleChoiceField(
        required=False, choices=Status, label="Status", widget=forms.CheckboxSelectMultiple
    )
    risk_from = forms.IntegerField(required=False, min_value=0, max_value=100, label="Risk from")
    risk_to = forms.IntegerField(required=False, min_value=0, max_value=100, label="Risk to")
    received_from = forms.DateField(
        required=False, label="Received from", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    received_to = forms.DateField(
        required=False, label="Received to", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    decided_by = forms.ModelChoiceField(None, required=False, empty_label="Anybody", label="Decided by")
    field_order = ("q", "status", "agent", "tool", "risk_from", "risk_to", "received_from", "received_to", "decided_by")

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["decided_by"].queryset = queries.reviewers_of(user)

    def clean_q(self) -> str:
        text = self.cleaned_data["q"].strip()
        if "\x00" in text:
            raise forms.ValidationError("The search contains a character that no request can contain.")
        return text

    def wanted(self) -> queries.HistoryFilter:
        """Of the valid fields; an invalid one narrows nothing and is shown with its error."""
        data = self.cleaned_data
        return queries.HistoryFilter(
            text=data.get("q", ""), statuses=tuple(data.get("status", ())), agent=data.get("agent"),
            tool=data.get("tool"), decided_by=data.get("decided_by"), risk_from=data.get("risk_from"),
            risk_to=data.get("risk_to"), received_from=data.get("received_from"), received_to=data.get("received_to"),
        )

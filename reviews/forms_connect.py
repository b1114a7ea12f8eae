"""Forms of connecting an agent and of the playground."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.models import Agent, Team, User
from reviews.operating import operated_teams

ENDS = [("90", _("90 days")), ("30", _("30 days")), ("1", _("1 day")), ("", _("never, until it is revoked"))]


class TokenForm(forms.Form):
    """How long the token is good for."""

    days = forms.ChoiceField(label=_("Good for"), choices=ENDS, required=False, initial="90")

    def token_fields(self) -> dict[str, Any]:
        days = self.cleaned_data["days"]
        return {"expires_at": timezone.now() + timedelta(days=int(days))} if days else {}


class ExistingAgentForm(TokenForm):
    agent = forms.ModelChoiceField(Agent.objects.none(), label=_("Agent"), empty_label=_("Choose …"))
    field_order = ("agent", "days")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agents = Agent.objects.filter(team__in=operated_teams(user)).select_related("team")
        self.fields["agent"].queryset = agents.order_by("name", "pk")


class NewAgentForm(TokenForm):
    name = forms.CharField(label=_("Name"), max_length=100)
    team = forms.ModelChoiceField(Team.objects.none(), label=_("Team"), empty_label=None)
    owner = forms.ModelChoiceField(
        User.objects.none(), label=_("Owner"), required=False, empty_label=_("nobody"),
        help_text=_("Answers for the agent; can never decide its requests."),
    )
    field_order = ("name", "team", "owner", "days")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = operated_teams(user)
        self.fields["owner"].queryset = User.objects.filter(is_active=True).order_by("username")


class TeamForm(forms.Form):
    """Whose tools the playground calls."""

    team = forms.ModelChoiceField(Team.objects.none(), label=_("Team"), empty_label=None)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = operated_teams(user)

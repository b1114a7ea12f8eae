import pytest
from django.contrib.auth.models import AnonymousUser

from governance.models import (
    Agent,
    Assessment,
    Decision,
    EvidenceEntry,
    Execution,
    GovernanceRequest,
    OutboxEvent,
    Team,
    Tool,
    ToolServer,
    Transition,
    User,
)
from governance.states import Status
from tests.factories import make_request, make_reviewer, make_team, make_viewer

pytestmark = pytest.mark.django_db

OWNED = [
    Agent, Assessment, Decision, EvidenceEntry, Execution, GovernanceRequest, OutboxEvent, Team, Tool, ToolServer,
    Transition,
]


@pytest.mark.parametrize("model", OWNED)
def test_a_member_sees_what_the_team_owns_and_nobody_else_does(model):
    team = make_team()
    make_request(team=team, status=Status.SUCCEEDED)
    assert model.objects.visible_to(make_viewer(team=team)).exists()
    theirs = model.objects.visible_to(make_reviewer(team=make_team()))
    assert not theirs.exclude(pk__in=Team.objects.exclude(pk=team.pk).values("pk") if model is Team else []).exists()
    assert not model.objects.visible_to(AnonymousUser()).exists()
    assert not model.objects.visible_to(make_reviewer(team=team, is_active=False)).exists()
    assert model.objects.visible_to(User(is_superuser=True)).exists()

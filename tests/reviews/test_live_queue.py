"""The live line: only the logged-in, only their teams, only ids and status."""

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from governance.events import team_group
from governance.models import Membership, Team, User
from reviews import consumers
from reviews.routing import websocket_urlpatterns
from tests.factories import make_reviewer, make_team

pytestmark = pytest.mark.django_db(transaction=True)

application = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))


def line(client: Client | None = None, path: str = "/ws/queue") -> WebsocketCommunicator:
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value if client else ""
    headers = [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode())] if client else []
    return WebsocketCommunicator(application, path, headers=headers)


@sync_to_async
def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


async def tell(team: Team, reference: str = "evt_1") -> None:
    await get_channel_layer().group_send(
        team_group(team.pk),
        {
            "type": "request.changed", "id": "1", "reference": reference, "status": "in_review", "team": team.pk,
            "moved": True,
        },
    )


async def test_the_anonymous_are_refused() -> None:
    connected, code = await line().connect()
    assert not connected
    assert code == consumers.NOT_LOGGED_IN


async def test_an_unknown_address_is_refused() -> None:
    connected, _ = await line(path="/ws/other").connect()
    assert not connected


async def test_a_member_hears_reference_and_status_and_nothing_else() -> None:
    user = await sync_to_async(make_reviewer)()
    socket = line(await logged_in(user))
    assert (await socket.connect())[0]
    await tell(await sync_to_async(Team.objects.default)())
    assert await socket.receive_json_from() == {"reference": "evt_1", "status": "in_review", "moved": True}
    await socket.disconnect()


async def test_other_teams_are_not_heard() -> None:
    user, other = await sync_to_async(make_reviewer)(), await sync_to_async(make_team)()
    socket = line(await logged_in(user))
    await socket.connect()
    await tell(other, "evt_hidden")
    await tell(await sync_to_async(Team.objects.default)(), "evt_mine")
    assert (await socket.receive_json_from())["reference"] == "evt_mine"
    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_a_superuser_hears_every_team() -> None:
    other = await sync_to_async(make_team)()
    user = await sync_to_async(User.objects.create_superuser)("root", password="x")
    socket = line(await logged_in(user))
    await socket.connect()
    await tell(other, "evt_other")
    assert (await socket.receive_json_from())["reference"] == "evt_other"
    await socket.disconnect()


async def test_who_left_the_team_hears_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", -1)
    user, team = await sync_to_async(make_reviewer)(), await sync_to_async(Team.objects.default)()
    socket = line(await logged_in(user))
    await socket.connect()
    await Membership.objects.filter(user=user).adelete()
    await tell(team)
    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_who_logged_out_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", -1)
    user, team = await sync_to_async(make_reviewer)(), await sync_to_async(Team.objects.default)()
    client = await logged_in(user)
    socket = line(client)
    await socket.connect()
    await sync_to_async(client.logout)()
    await tell(team)
    assert (await socket.receive_output())["code"] == consumers.NOT_LOGGED_IN


async def test_whatever_a_browser_says_is_ignored() -> None:
    user = await sync_to_async(make_reviewer)()
    socket = line(await logged_in(user))
    await socket.connect()
    await socket.send_to(text_data="not json")
    await socket.send_to(bytes_data=b"\x00")
    await tell(await sync_to_async(Team.objects.default)())
    assert (await socket.receive_json_from())["reference"] == "evt_1"
    await socket.disconnect()

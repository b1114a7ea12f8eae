"""Names and previews from a real MCP server: asked in time, kept, asked again, and left alone when it fails."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance import actions, insight
from governance.insight import preview_of
from governance.models import EntityName, EvidenceEntry, GovernanceRequest, ToolServer
from mcp_bridge.downstream import names
from mcp_bridge.downstream.names import Names, missing_ids
from mcp_bridge.downstream.servers import pool
from tests.definitions import make_server
from tests.factories import make_request, overdue
from tests.mcp_bridge.downstream.everything import Everything

pytestmark = pytest.mark.django_db(transaction=True)
CUSTOMERS = [{"pattern": "CUST-[0-9]+", "tool": "echo", "argument": "text", "name": "text"}]


@pytest.fixture
def server(everything: tuple[Everything, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[ToolServer]:
    monkeypatch.setattr(names, "START_SECONDS", 0.0)
    made = make_server("crm", url=everything[1], resolvers=CUSTOMERS)
    actions.read_tools(made)
    actions.accept_all_offered(made, reason="Looked at.")
    yield made


def waiting(server: ToolServer, **arguments: Any) -> GovernanceRequest:
    return make_request(tool=server.tools.get(name="count"), arguments=arguments)


def test_ids_of_waiting_calls_get_their_names(server, everything) -> None:
    waiting(server, text="CUST-7", other="CUST-8 or so")
    before = everything[0].calls["echo"]
    assert Names().round() == names.POLL_SECONDS
    assert dict(EntityName.objects.values_list("value", "name")) == {"CUST-7": "CUST-7"}
    assert everything[0].calls["echo"] == before + 1
    entry = EvidenceEntry.objects.filter(payload__contains="name looked up").get()
    assert entry.actor == "gateway" and json.loads(entry.payload)["value"] == "CUST-7"


def test_a_name_is_asked_for_once_a_day(server, everything) -> None:
    waiting(server, text="CUST-7")
    Names().round()
    before = everything[0].calls["echo"]
    Names().round()
    assert everything[0].calls["echo"] == before
    EntityName.objects.update(name="Old", looked_up_at=timezone.now() - timedelta(days=1, seconds=1))
    Names().round()
    assert EntityName.objects.get().name == "CUST-7" and everything[0].calls["echo"] == before + 1


def test_a_server_that_is_down_leaves_the_id_alone_and_is_asked_later(server) -> None:
    waiting(server, text="CUST-7")
    ToolServer.objects.filter(pk=server.pk).update(url="http://127.0.0.1:9/mcp")
    loop = Names()
    loop.round()
    assert EntityName.objects.get().name == "" and server.pk in loop._pauses
    assert missing_ids(server) == []  # for a minute
    EntityName.objects.update(looked_up_at=timezone.now() - names.KEEPS_NOTHING)
    assert missing_ids(server) == ["CUST-7"]


def test_two_processes_do_not_ask_for_the_same_id(server, monkeypatch) -> None:
    seen = EntityName.objects.create(server=server, value="CUST-7", looked_up_at=timezone.now() - timedelta(days=2))
    monkeypatch.setattr(EntityName.objects, "get_or_create", lambda **_: (seen, False))  # both read the same row
    assert names._take(server, "CUST-7")
    assert not names._take(server, "CUST-7")


def test_nothing_is_asked_for_what_no_longer_waits_nor_of_what_is_halted(server, everything) -> None:
    request = waiting(server, text="CUST-7")
    actions.halt(server, reason="A drill.")
    before = everything[0].calls["echo"]
    Names().round()
    actions.resume(server, reason="Over.")
    actions.expire(overdue(request))
    Names().round()
    assert everything[0].calls["echo"] == before and not EntityName.objects.exists()


def test_without_resolvers_the_loop_rests(server) -> None:
    ToolServer.objects.update(resolvers=[])
    assert Names().round() == names.IDLE_SECONDS


def preview(server: ToolServer, rule: dict[str, Any], **arguments: Any) -> Any:
    request = waiting(server, **arguments)
    request.tool.preview = rule
    return preview_of(request)


def test_a_real_dry_run_says_what_it_would_do(server) -> None:
    assert preview(server, {"dry_run": "echo"}, text="Would write 3 rows.").said == "Would write 3 rows."


def test_a_slow_server_is_given_up_and_counts_as_nothing(server, everything, monkeypatch) -> None:
    """`slow` claims to be read-only, and sleeps for an hour."""
    tool = server.tools.get(name="slow")
    type(tool).objects.filter(pk=tool.pk).update(annotations={"readOnlyHint": True})
    monkeypatch.setattr(insight, "READ_SECONDS", 0.3)
    assert "no answer within 0.3 seconds" in preview(server, {"dry_run": "slow"}, text="preview").problem
    assert pool.known()["default/crm"].health.state != "down"


def test_a_server_that_is_gone_is_said_in_words(server) -> None:
    ToolServer.objects.filter(pk=server.pk).update(url="http://127.0.0.1:9/mcp")
    assert "cannot be told now" in preview(server, {"dry_run": "echo"}, text="x").problem

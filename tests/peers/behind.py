"""Puts a tool server behind a running gateway, as an administrator would."""

import json
from typing import Any

from tests.gateway import Gateway

_ADD = """
import json
from governance import actions
from governance.models import Tool
fields, names = json.loads({arguments!r})
server = actions.add_tool_server(**fields)
actions.read_tools(server)
actions.accept_all_offered(server, reason="Offered by a server of the tests.")
if names == "plain":
    for tool in Tool.objects.filter(server=server):
        Tool.objects.filter(pk=tool.pk).update(exposed_name=tool.name)
print(json.dumps(sorted(Tool.objects.filter(server=server).values_list("exposed_name", flat=True))))
"""

_ACTIVATE = """
from governance import actions
from governance.models import Team
actions.activate_policy(actions.save_policy(Team.objects.default(), {text!r}))
"""


def add_server(gateway: Gateway, slug: str, kind: str, *, plain_names: bool = False, **fields: Any) -> list[str]:
    """Adds the server, reads its tools and accepts them; the names under which agents see them.

    `plain_names`: not `server__tool` but as the server calls them. What agents see is a stored map.
    """
    arguments = json.dumps([{"slug": slug, "kind": kind, **fields}, "plain" if plain_names else "prefixed"])
    return json.loads(gateway.python(_ADD.format(arguments=arguments)).splitlines()[-1])


def activate(gateway: Gateway, policy: str) -> None:
    """Makes this rule file decide about the default team's calls; within a second in the running process."""
    gateway.python(_ACTIVATE.format(text=policy))

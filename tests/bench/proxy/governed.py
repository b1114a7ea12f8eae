"""The gateway under test: the tool server behind it by HTTP, a rule that allows its tool, and an agent's token."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.proxy.wire import Target
from tests.gateway import Gateway, start_gateway

POLICY = """\
version: 1
rules:
  - name: bench-echo
    effect: allow
    when: {server: direct, tool: echo}
"""
_REGISTER = """
import json
from governance import actions
from governance.models import Team
server = actions.add_tool_server(slug="direct", kind="http", url={url!r})
actions.read_tools(server)
(tool,) = actions.accept_all_offered(server, reason="The bench's own server.")
actions.activate_policy(actions.save_policy(Team.objects.default(), {policy!r}))
print(json.dumps(tool.exposed_name))
"""


@contextmanager
def governed(software: str, url: str, folder: Path, **env: str) -> Iterator[tuple[Gateway, Target]]:
    """A gateway under daphne or uvicorn that lets `echo` of the server at `url` through, by its policy."""
    gateway = start_gateway(folder, software, env)
    try:
        tool = json.loads(gateway.python(_REGISTER.format(url=url, policy=POLICY)))
        yield gateway, Target(f"gateway, {software}", gateway.port, tool, token=gateway.agent_token)
    finally:
        gateway.close()

"""The demo's tool server and its policy: a folder whose files agents may read, and write after a person agreed."""

import sys
from pathlib import Path

from django.conf import settings

from governance import actions
from governance.models import Team, ToolServer

SLUG = "sandbox"
PROGRAM = Path(__file__).resolve().parent.parent / "sandbox_server.py"
POLICY = """\
version: 1
rules:
  - name: sandbox-reads
    effect: allow
    when: {server: sandbox, tool: [fs_list, fs_read], annotations: {readOnlyHint: true}}

  - name: sandbox-writes
    effect: review
    when: {server: sandbox, tool: fs_write}

  - name: sandbox-rest
    effect: deny
    message: Agents may read files in the sandbox, and write them after review; nothing else.
    when: {server: sandbox}
"""


def open_sandbox() -> None:
    """The sandbox server of the default team, its tools accepted, its policy active unless there is another one.

    Safe to repeat. Raises DownstreamFailed when the server does not start.
    """
    team = Team.objects.default()
    server = ToolServer.objects.filter(team=team, slug=SLUG).first() or actions.add_tool_server(
        slug=SLUG, name="Sandbox", kind="stdio", team=team, command=sys.executable, cwd=str(settings.BASE_DIR),
        args=[str(PROGRAM), str(settings.DATA_DIR / SLUG)],
    )
    actions.read_tools(server)
    actions.accept_all_offered(server, reason="Comes with this version of the gateway.")
    if not team.policies.exists():
        actions.activate_policy(actions.save_policy(team, POLICY, note="The demo's rules for the sandbox."))

"""The verbs. Whatever moves a request, touches two tables or reaches outside is here, one file per verb.

    receive → begin_scoring → assess → triage → decide → finalize → claim_execution → run_tool → record_outcome

Each writes its transition and its evidence in one transaction with the fact, and announces itself after commit.
"""

from governance.actions.administer import (
    create_agent,
    create_reviewer,
    issue_agent_token,
    issue_api_token,
    revoke_token,
)
from governance.actions.ask import answer, ask
from governance.actions.assess import assess, begin_scoring, triage
from governance.actions.cancel import cancel
from governance.actions.claim import claim, hand_over, release
from governance.actions.decide import decide, decide_alike, why_not_alike
from governance.actions.execute import claim_execution, record_outcome, resolve_abandoned, run_tool
from governance.actions.extend import extend
from governance.actions.finalize import expire, finalize
from governance.actions.halt import halt, resume
from governance.actions.policies import activate_policy, save_policy
from governance.actions.receive import receive
from governance.actions.tool_servers import (
    accept_all_offered,
    accept_definition,
    add_tool_server,
    install_builtin_tools,
    read_tools,
    reject_definition,
    replace_secrets,
    sync_tools,
)
from governance.actions.undo import undo
from governance.actions.webhooks import (
    disable_webhook,
    enable_webhook,
    remove_webhook,
    rotate_webhook_secret,
    send_again,
    set_agent_webhook,
)

__all__ = [
    "accept_all_offered", "accept_definition", "activate_policy", "add_tool_server", "answer", "ask", "assess",
    "begin_scoring", "cancel", "claim", "claim_execution", "create_agent", "create_reviewer", "decide", "decide_alike",
    "disable_webhook", "enable_webhook", "expire", "extend", "finalize", "halt", "hand_over", "install_builtin_tools",
    "issue_agent_token", "issue_api_token", "read_tools", "receive", "record_outcome", "reject_definition", "release",
    "remove_webhook", "replace_secrets", "resolve_abandoned", "resume", "revoke_token", "rotate_webhook_secret",
    "run_tool", "save_policy", "send_again", "set_agent_webhook", "sync_tools", "triage", "undo", "why_not_alike",
]

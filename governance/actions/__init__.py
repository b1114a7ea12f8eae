"""The verbs. Whatever moves a request, touches two tables or reaches outside is here, one file per verb.

    receive → begin_scoring → assess → triage → decide → finalize → claim_execution → run_tool → record_outcome

Each writes its transition and its evidence in one transaction with the fact, and announces itself after commit.
"""

from governance.actions.administer import (
    create_agent,
    create_reviewer,
    halt_agent,
    install_builtin_tools,
    issue_agent_token,
    issue_api_token,
    resume_agent,
    revoke_token,
)
from governance.actions.assess import assess, begin_scoring, triage
from governance.actions.decide import decide
from governance.actions.execute import claim_execution, record_outcome, resolve_abandoned, run_tool
from governance.actions.finalize import expire, finalize
from governance.actions.receive import receive

__all__ = [
    "assess", "begin_scoring", "claim_execution", "create_agent", "create_reviewer", "decide", "expire", "finalize",
    "halt_agent", "install_builtin_tools", "issue_agent_token", "issue_api_token", "receive", "record_outcome",
    "resolve_abandoned", "resume_agent", "revoke_token", "run_tool", "triage",
]

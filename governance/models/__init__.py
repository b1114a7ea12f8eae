"""The tables of the gateway, one file per noun. Nothing here reaches outside or moves a request."""

from governance.models.agents import Agent, AgentToken
from governance.models.assessments import Assessment
from governance.models.decisions import Decision
from governance.models.evidence import EvidenceEntry
from governance.models.executions import Execution
from governance.models.executor import Event, Job, Pause, Run, Step
from governance.models.outbox import Heartbeat, OutboxEvent
from governance.models.people import ApiToken, Membership, Role, Team, User
from governance.models.policies import PolicyVersion
from governance.models.questions import Question
from governance.models.requests import GovernanceRequest
from governance.models.tools import EntityName, Tool, ToolServer, ToolVersion
from governance.models.transitions import Transition
from governance.models.webhooks import AgentWebhook, WebhookDelivery

__all__ = [
    "Agent", "AgentToken", "AgentWebhook", "ApiToken", "Assessment", "Decision", "EntityName", "Event", "EvidenceEntry",
    "Execution", "GovernanceRequest", "Heartbeat", "Job", "Membership", "OutboxEvent", "Pause", "PolicyVersion",
    "Question", "Role", "Run", "Step", "Team", "Tool", "ToolServer", "ToolVersion", "Transition", "User",
    "WebhookDelivery",
]

"""Transitions of all requests and evidence of the last EVIDENCE_DAYS, made inside the database from the rows there."""

from datetime import datetime, timedelta

from django.db import connection

EVIDENCE_DAYS = 30

# From, to, who, whose, reason, when, and the rows it is about: r request, a agent, s assessment, d decision, u person,
# e execution.
_MOVES = {
    "received": ("''", "'received'", "'agent:' || a.name", "NULL", "''", "r.received_at",
        "JOIN governance_agent a ON a.id = r.agent_id"),
    "decided by a rule": ("'received'", "CASE d.verdict WHEN 'APPROVED' THEN 'approved' ELSE 'denied' END",
        "'gateway'", "NULL", "d.reason", "d.created_at",
        "JOIN governance_decision d ON d.request_id = r.id AND d.source = 'policy'"),
    "scoring": ("'received'", "'scoring'", "'gateway'", "NULL", "''", "r.started_at",
        "JOIN governance_assessment s ON s.request_id = r.id"),
    "below the threshold": ("'scoring'", "'approved'", "'gateway'", "NULL", "d.reason", "d.created_at",
        "JOIN governance_decision d ON d.request_id = r.id AND d.source = 'workflow'"),
    "put before a person": ("'scoring'", "'in_review'", "'gateway'", "NULL", "''", "s.created_at",
        "JOIN governance_assessment s ON s.request_id = r.id WHERE NOT EXISTS "
        "(SELECT 1 FROM governance_decision d WHERE d.request_id = r.id AND d.source = 'workflow')"),
    "decided by a person": ("'in_review'", "CASE d.verdict WHEN 'APPROVED' THEN 'approved' ELSE 'denied' END",
        "'reviewer:' || u.username", "u.id", "d.reason", "d.created_at",
        "JOIN governance_decision d ON d.request_id = r.id JOIN governance_user u ON u.id = d.reviewer_id"),
    "expired": ("'in_review'", "'expired'", "'gateway'", "NULL", "'Nobody decided in time.'", "r.finished_at",
        "WHERE r.status = 'expired'"),
    "executing": ("'approved'", "'executing'", "'gateway'", "NULL", "''", "e.claimed_at",
        "JOIN governance_execution e ON e.request_id = r.id"),
    "ended": ("'executing'", "r.status", "'gateway'", "NULL", "''", "e.returned_at",
        "JOIN governance_execution e ON e.request_id = r.id"),
}  # fmt: skip

# fact, who, status then, when, from which move
_FACTS = {
    "received": ("'agent:' || a.name", "'received'", "r.received_at", _MOVES["received"][6]),
    "scored": ("'gateway'", "'scoring'", "s.created_at", _MOVES["scoring"][6]),
    "decided": ("COALESCE('reviewer:' || u.username, 'gateway')", "CASE d.verdict WHEN 'APPROVED' THEN 'approved' "
        "ELSE 'denied' END", "d.created_at", "JOIN governance_decision d ON d.request_id = r.id "
        "LEFT JOIN governance_user u ON u.id = d.reviewer_id"),
    "executed": ("'gateway'", "'executing'", "e.claimed_at", _MOVES["executing"][6]),
    "outcome": ("'gateway'", "r.status", "e.returned_at", _MOVES["ended"][6]),
}  # fmt: skip


def write_transitions() -> None:
    for name, (old, new, actor, user, reason, at, rows) in _MOVES.items():
        _insert(
            f"transitions: {name}",
            "INSERT INTO governance_transition (request_id, from_status, to_status, actor, user_id, reason, at) "
            f"SELECT r.id, {old}, {new}, {actor}, {user}, {reason}, {at} FROM governance_governancerequest r {rows}",
        )


def write_evidence(now: datetime) -> None:
    since = (now - timedelta(days=EVIDENCE_DAYS)).replace(tzinfo=None)
    for fact, (actor, status, at, rows) in _FACTS.items():
        payload = (
            """'{"arguments_digest":"' || r.arguments_digest || '","reference":"' || r.reference || """
            f"""'","status":"' || {status} || '"}}'"""
        )
        _insert(
            f"evidence: {fact}",
            "INSERT INTO governance_evidenceentry (team_id, request_id, fact, actor, payload, at) "
            f"SELECT r.team_id, r.id, '{fact}', {actor}, {payload}, {at} FROM governance_governancerequest r {rows} "
            f"WHERE r.received_at >= '{since}'",
        )


def _insert(name: str, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        print(f"  {name}: {cursor.rowcount:,}", flush=True)

"""The calls themselves: what is asked, how it ended, and every row that says so. Deterministic: one Random, one clock.

Per 1,000 calls: about 550 are allowed by a rule, 40 denied by one, 370 pass the scorer alone, the rest came before a
person. Of the last seven days 20,000 in a million still wait.
"""

import hashlib
import json
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from governance.models import Assessment, Decision, Execution, GovernanceRequest, Question
from governance.states import Status
from tests.bench.console.bulk import Row, Table
from tests.bench.console.world import Asked, Desk

DAYS = 90
BATCH = 20_000
WAITING_DAYS = 7  # no deadline is longer
# How much of a day's work has come by the end of each hour.
_HOURS = (1, 2, 3, 4, 5, 7, 10, 15, 23, 33, 43, 53, 60, 67, 76, 84, 90, 93, 95, 96, 97, 98, 99, 100)

FIRST = (
    "Ada", "Bao", "Carla", "Dmitri", "Esi", "Farid", "Greta", "Hamid", "Ingrid", "Jamal", "Keiko", "Luis", "Mona",
    "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Sven", "Tariq", "Uma", "Viktor", "Wanda", "Ximena", "Yusuf", "Zoë",
)
LAST = (
    "Obi", "Nguyen", "Rossi", "Petrov", "Mensah", "Haddad", "Lindqvist", "Rahimi", "Larsen", "Brown", "Tanaka",
    "García", "Fischer", "Kovač", "Dahl", "Patel", "Moreau", "Silva", "Eriksson", "Aziz", "Joshi", "Ivanov", "Zając",
)
TOWNS = ("Aarhus", "Bremen", "Cork", "Delft", "Evora", "Faro", "Ghent", "Hamar", "Izmir", "Jena", "Kiel", "Lyon")
REASONS = (
    "Hardship after an illness in the family", "The rent was raised", "Moved to another town", "Asked by telephone",
    "Correction of a typing error", "The deadline is tomorrow", "Second reminder", "Income changed this month",
    "Bank account was closed", "Follow-up of the yearly check", "The case worker confirmed it", "Duplicate entry",
)
RARE = "kilimanjaro"  # in one of 200,000 calls
WHY_REJECTED = ("The amount does not match the file.", "Wrong person.", "Ask again with the document.", "Not now.")
RESULT = '{"content": [{"text": "Done. Reference %d.", "type": "text"}], "isError": false}'
FAILED = '{"content": [{"text": "The record is locked.", "type": "text"}], "isError": true}'

REQUESTS = (
    "id", "reference", "team_id", "agent_id", "tool_id", "status", "arguments_json", "arguments_digest",
    "stated_reason", "intent", "context_json", "tool_digest", "policy_version_id", "policy_rule", "policy_effect",
    "threshold", "risk_score", "received_at", "deadline", "started_at", "decided_at", "finalized_at", "finished_at",
    "claimed_by_id", "claimed_until", "claim_note", "band", "asked",
)


@dataclass
class Batch:
    requests: list[Row] = field(default_factory=list)
    assessments: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    executions: list[Row] = field(default_factory=list)
    questions: list[Row] = field(default_factory=list)


def tables() -> dict[str, Table]:
    return {
        "requests": Table(GovernanceRequest, *REQUESTS),
        "assessments": Table(
            Assessment, "request_id", "risk_score", "classification", "action", "rationale", "contributions", "scorer",
            "scorer_version", "failure", "duration_ms", "created_at",
        ),
        "decisions": Table(
            Decision, "request_id", "reviewer_id", "verdict", "reason", "arguments_json", "arguments_digest", "source",
            "created_at",
        ),
        "executions": Table(
            Execution, "request_id", "claimed_by", "claimed_at", "lease_until", "returned_at", "is_error", "is_unknown",
            "result", "error",
        ),
        "questions": Table(Question, "request_id", "text", "asked_by_id", "asked_at", "answer", "answered_at"),
    }  # fmt: skip


def batches(desks: list[Desk], *, count: int, now: datetime, rng: Random) -> Iterator[Batch]:
    made = Calls(desks, count, now, rng)
    for start in range(0, count, BATCH):
        batch = Batch()
        for number in range(start, min(start + BATCH, count)):
            made.add(batch, number)
        yield batch


class Calls:
    """Makes one call after the other, oldest first, evenly over the days and as people work within one."""

    def __init__(self, desks: list[Desk], count: int, now: datetime, rng: Random) -> None:
        self.count, self.now, self.rng = count, now, rng
        self.first_day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
        self.until = DAYS + _share_of_day((now - now.replace(hour=0, minute=0, second=0, microsecond=0)) / _DAY)
        self.waiting_from = now - timedelta(days=WAITING_DAYS)
        # The share of the last days' calls that nobody has decided yet, so that two in a hundred of all wait.
        lately = count * WAITING_DAYS / self.until
        self.still_waiting = min(1.0, count * 0.02 / lately / 1.02)
        self.alike: set[tuple[int, int, int]] = set()
        self.desks = rng.choices(desks, weights=[desk.share for desk in desks], k=4096)

    def add(self, batch: Batch, number: int) -> None:
        rng = self.rng
        at = self._moment(number)
        desk = self.desks[int(rng.random() * 4096)]
        agent = desk.agents[int(rng.random() ** 2 * len(desk.agents))][0]
        version = desk.policies[bisect([start for _, start in desk.policies], at) - 1][0]
        call = _Call(self, batch, number, at, desk, agent, version if rng.random() < 0.9 else None)
        fate = rng.random()
        if at >= self.waiting_from and rng.random() < self.still_waiting:
            call.waits()
        elif fate < 0.55:
            call.allowed()
        elif fate < 0.59:
            call.denied()
        elif fate < 0.965:
            call.passes()
        else:
            call.reviewed()

    def _moment(self, number: int) -> datetime:
        whole, part = divmod((number + 0.5) / self.count * self.until, 1)
        return self.first_day + timedelta(days=whole + _time_of_day(part), microseconds=number % 997 + 1)


_DAY = timedelta(days=1)


def _share_of_day(time: float) -> float:
    hour, part = divmod(time * 24, 1)
    before = _HOURS[int(hour) - 1] if hour else 0
    return (before + part * (_HOURS[int(hour)] - before)) / 100


def _time_of_day(share: float) -> float:
    hour = bisect(_HOURS, share * 100)
    before = _HOURS[hour - 1] if hour else 0
    return (hour + (share * 100 - before) / (_HOURS[hour] - before)) / 24


class _Call:
    """One call with all its rows."""

    def __init__(
        self, calls: Calls, batch: Batch, number: int, at: datetime, desk: Desk, agent: int, version: int | None
    ) -> None:
        self.calls, self.batch, self.number, self.at, self.desk = calls, batch, number, at, desk
        self.agent, self.version, self.rng = agent, version, calls.rng
        self.pk, self.reference = f"{self.rng.getrandbits(128):032x}", f"evt_{self.rng.getrandbits(64):016x}"

    # -- how it goes ---------------------------------------------------------------------------

    def allowed(self) -> None:
        self._ask(self._tool(reads=True))
        decided = self._later(0.02)
        self._decide(decided, None, "APPROVED", "Decided by the rule reads-go-through.", "policy")
        self._row(*self._run(decided), decided, rule="reads-go-through", effect="allow")

    def denied(self) -> None:
        self._ask(self._tool(reads=False))
        decided = self._later(0.01)
        self._decide(decided, None, "REJECTED", "Deleting is not for agents. Ask operations.", "policy")
        self._row(Status.DENIED, decided, decided, rule="no-deletes-at-night", effect="deny")

    def passes(self) -> None:
        tool = self._tool(reads=False)
        self._ask(tool)
        self._assess(min(69, max(3, tool.risk - 12 + int(self.rng.random() * 24))))
        decided = self._later(0.3 + self.rng.random())
        self._decide(decided, None, "APPROVED", "Below the threshold.", "workflow")
        self._row(*self._run(decided), decided)

    def waits(self) -> None:
        self._ask(self._tool(reads=False), alike=0.05)
        self._assess(min(100, 55 + int(self.rng.random() ** 1.5 * 46)))
        seconds = self.rng.choice((300, 3_600, 14_400, 86_400, 3 * 86_400, 7 * 86_400)) * (0.1 + self.rng.random())
        deadline = min(self.calls.now + timedelta(seconds=seconds), self.at + timedelta(days=8))
        claimed = self.rng.random() < 0.03
        if self.rng.random() < 0.03:
            self._question(answered=self.rng.random() < 0.5)
        self._row(Status.IN_REVIEW, None, None, deadline=deadline, claimed=claimed, **self._reviewed_by_rule())

    def reviewed(self) -> None:
        self._ask(self._tool(reads=False))
        self._assess(min(100, 62 + int(self.rng.random() * 39)))
        rule, fate = self._reviewed_by_rule(), self.rng.random()
        if fate < 0.08 or self.at > self.calls.now - timedelta(minutes=3):
            return self._row(Status.EXPIRED, min(self.at + timedelta(hours=2), self.calls.now), None, **rule)
        decided = min(self._later(15 + 4_000 * self.rng.random() ** 4), self.calls.now - timedelta(seconds=30))
        reviewer = self.desk.reviewers[int(self.rng.random() * len(self.desk.reviewers))]
        if self.rng.random() < 0.05:
            self._question(answered=True)
        if fate < 0.3:
            self._decide(decided, reviewer, "REJECTED", self.rng.choice(WHY_REJECTED), "console")
            return self._row(Status.DENIED, decided, decided, **rule)
        self._decide(decided, reviewer, "APPROVED", "", "console", edited=self.rng.random() < 0.04)
        return self._row(*self._run(decided), decided, **rule)

    def _reviewed_by_rule(self) -> dict[str, str]:
        if self.version and self.tool.name.startswith("transfer"):
            return {"rule": "large-transfers", "effect": "review"}
        return {}

    # -- its rows ------------------------------------------------------------------------------

    def _tool(self, *, reads: bool) -> Asked:
        tools, dice = self.desk.tools, self.rng.random()
        return tools[int(dice * 2)] if reads else tools[2 + int(dice**1.3 * (len(tools) - 2))]

    def _later(self, seconds: float) -> datetime:
        return self.at + timedelta(seconds=seconds)

    def _ask(self, tool: Asked, alike: float = 0.0) -> None:
        """What is asked. `alike` of them are asked with the same words by several agents."""
        rng, self.tool = self.rng, tool
        kind = self.number % 12 if rng.random() < alike else self.number
        if kind != self.number and (self.agent, tool.pk, kind) in self.calls.alike:
            kind = self.number  # an agent has one open request of the same call
        elif kind != self.number:
            self.calls.alike.add((self.agent, tool.pk, kind))
        pick = Random(kind) if kind != self.number else rng
        name = f"{pick.choice(FIRST)} {pick.choice(LAST)}"
        self.arguments = {
            "amount": int(pick.random() * 4_000), f"{tool.noun}_id": f"{tool.noun[:3].upper()}-{kind % 90_000:05d}",
            "name": name, "note": pick.choice(REASONS), "town": pick.choice(TOWNS),
        }
        if kind == self.number:
            self.arguments["nonce"] = self.number
        if self.number % 200_000 == 150_000:
            self.arguments["note"] = f"Journey to {RARE.capitalize()}"
        self.text = _canonical(self.arguments)
        self.stated = f"{pick.choice(REASONS)}, so {name} needs it" if rng.random() < 0.6 else ""
        self.intent = f"Please look after {name} in {self.arguments['town']}" if rng.random() < 0.3 else ""

    def _row(
        self, status: Status, finished: datetime | None, decided: datetime | None, *, rule: str = "default",
        effect: str = "score", deadline: datetime | None = None, claimed: bool = False,
    ) -> None:
        started = self._later(0.01)
        deadline = deadline or (finished if status == Status.EXPIRED else self.at + timedelta(days=1))
        until = self.calls.now + timedelta(minutes=5 + self.rng.random() * 700) if claimed else None
        self.batch.requests.append((
            self.pk, self.reference, self.desk.pk, self.agent, self.tool.pk, str(status), self.text,
            hashlib.sha256(self.text.encode()).hexdigest(), self.stated, self.intent, "", self.tool.digest,
            self.version, rule, effect, 70, self.risk, _text(self.at), _text(deadline), _text(started), _text(decided),
            _text(decided or finished), _text(finished), self.desk.reviewers[0] if claimed else None, _text(until),
            "Please look: you know the case." if claimed and self.rng.random() < 0.2 else "", self.band, self.asked,
        ))  # fmt: skip

    risk: int | None = None
    band = ""
    asked = ""

    def _assess(self, risk: int) -> None:
        self.risk = risk
        self.band = "high" if risk >= 70 else "medium" if risk >= 40 else "low"
        band = f"{self.band.upper()}_RISK"
        self.batch.assessments.append((
            self.pk, risk, band, "PAUSE" if risk >= 70 else "ALLOW", "It changes a record of a person.",
            _contributions(risk), "embedded", "1.0", "", 2 + self.number % 9, _text(self._later(0.02)),
        ))  # fmt: skip

    def _decide(
        self, at: datetime, reviewer: int | None, verdict: str, reason: str, source: str, edited: bool = False
    ) -> None:
        text = digest = ""
        if edited:
            text = _canonical({**self.arguments, "amount": 1})
            digest = hashlib.sha256(text.encode()).hexdigest()
        self.batch.decisions.append((self.pk, reviewer, verdict, reason, text, digest, source, _text(at)))

    def _run(self, decided: datetime) -> tuple[Status, datetime]:
        fate, claimed = self.rng.random(), decided + timedelta(seconds=0.02)
        returned = claimed + timedelta(seconds=0.05 + self.rng.random())
        failed, unknown = 0.001 <= fate < 0.03, fate < 0.001
        result = None if unknown else FAILED if failed else RESULT % self.number
        self.batch.executions.append((
            self.pk, "bench:1", _text(claimed), _text(claimed + timedelta(seconds=45)), _text(returned), int(failed),
            int(unknown), result, "The gateway stopped while the tool ran." if unknown else "",
        ))  # fmt: skip
        status = Status.OUTCOME_UNKNOWN if unknown else Status.FAILED if failed else Status.SUCCEEDED
        return status, returned

    def _question(self, *, answered: bool) -> None:
        asked = min(self._later(60), self.calls.now)
        self.asked = "answered" if answered else "open"
        self.batch.questions.append((
            self.pk, "Which document says so?", self.desk.reviewers[0], _text(asked),
            "The letter of the third of the month." if answered else "",
            _text(asked + timedelta(seconds=20)) if answered else None,
        ))  # fmt: skip


def _contributions(risk: int, made: dict[int, str] = {}) -> str:  # noqa: B006  one text per score
    if risk not in made:
        made[risk] = json.dumps([
            {"feature": "writes", "label": "Writes to a record", "points": risk + 12},
            {"feature": "named", "label": "The person is named in the request", "points": -12},
        ])  # fmt: skip
    return made[risk]


_canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def _text(at: datetime | None) -> str | None:
    return str(at.replace(tzinfo=None)) if at else None


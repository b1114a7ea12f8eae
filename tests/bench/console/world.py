"""Who and what the million requests are about: teams, people, agents, tools and policies. Small, made by the ORM."""

from dataclasses import dataclass
from datetime import datetime
from random import Random

from django.contrib.auth.models import Group

from governance.canonical import digest
from governance.groups import REVIEWERS
from governance.models import Agent, Membership, PolicyVersion, Role, Team, Tool, ToolServer, User

PASSWORD = "a million requests"  # of everybody, in a database that is for measuring

# Share of all calls, and who asks. The first team is the hot one.
TEAMS = {
    "Welfare payments": 0.42, "Housing": 0.18, "Finance": 0.16, "Infrastructure": 0.12, "Customer care": 0.08,
    "Personnel": 0.04,
}
PEOPLE = ("sarah", "jonas", "amara", "wei", "lucia", "tomasz", "ines", "david", "noor", "mikael", "grace", "pavel")
AGENT_NAMES = ("Pay-desk", "Night shift", "Triage", "Reconciler", "Outreach", "Archivist", "Forecaster")

# name: (risk without arguments, reads only, words of its arguments)
VERBS = {
    "get_{}": (4, True), "search_{}s": (6, True), "create_{}": (34, False), "update_{}": (46, False),
    "cancel_{}": (68, False), "export_{}s": (58, False), "notify_{}": (38, False), "approve_{}": (74, False),
    "transfer_{}": (82, False), "delete_{}": (88, False),
}
NOUNS = ("payment", "tenancy", "invoice", "server", "ticket", "contract")

POLICY = """version: 1
defaults: {{threshold: {threshold}, deadline: 24h}}
rules:
  - name: reads-go-through
    effect: allow
    when: {{annotations: {{readOnlyHint: true}}}}
  - name: no-deletes-at-night
    effect: deny
    message: "Deleting is not for agents. Ask operations."
    when: {{tool: "delete_*", agent: "Night*"}}
  - name: large-transfers
    effect: review
    deadline: {deadline}h
    when: {{tool: "transfer_*"}}
"""


@dataclass(frozen=True)
class Asked:
    """A tool as the calls need it."""

    pk: int
    name: str
    digest: str
    risk: int
    reads: bool
    noun: str


@dataclass(frozen=True)
class Desk:
    """A team with everything that its requests point to. Policies are (version's id, its start), oldest first."""

    pk: int
    share: float
    agents: list[tuple[int, str]]
    tools: list[Asked]
    reviewers: list[int]
    policies: list[tuple[int, datetime]]


def make_world(rng: Random, *, begin: datetime, end: datetime) -> list[Desk]:
    people = _people()
    return [
        _desk(rng, number, name, share, people, begin, end) for number, (name, share) in enumerate(TEAMS.items())
    ]


def _people() -> list[User]:
    group, _ = Group.objects.get_or_create(name=REVIEWERS)
    first, last = User(username=""), ("Okafor", "Berg", "Diallo", "Chen", "Marin", "Nowak")
    first.set_password(PASSWORD)  # one hash for all: it takes a moment
    people = [
        User(
            username=name, first_name=name.capitalize(), last_name=last[number % 6], password=first.password,
            is_superuser=name == "root", is_staff=name == "root",
        )
        for number, name in enumerate((*PEOPLE, "root", "viewer"))
    ]
    User.objects.bulk_create(people)
    for person in people[: len(PEOPLE)]:
        person.groups.add(group)
    return people


def _desk(
    rng: Random, number: int, name: str, share: float, people: list[User], begin: datetime, end: datetime
) -> Desk:
    team = Team.objects.create(slug=name.lower().replace(" ", "-"), name=name)
    reviewers = [people[(2 * number + step) % len(PEOPLE)] for step in range(4 if number == 0 else 3)]
    roles = {person.pk: Role.REVIEWER for person in reviewers} | {people[-1].pk: Role.VIEWER}
    if number == 1:  # somebody with two teams
        roles[people[0].pk] = Role.REVIEWER
    Membership.objects.bulk_create(Membership(team=team, user_id=pk, role=role) for pk, role in roles.items())
    agents = [
        Agent(team=team, name=f"{kind} agent", owner=people[(3 * number + step) % len(PEOPLE)])
        for step, kind in enumerate(AGENT_NAMES if number else (*AGENT_NAMES[:5],))
    ]
    Agent.objects.bulk_create(agents)
    return Desk(
        pk=team.pk, share=share, agents=[(agent.pk, agent.name) for agent in agents],
        tools=_tools(team, NOUNS[number]), reviewers=[person.pk for person in reviewers],
        policies=_policies(team, people[0], begin, end),
    )


def _tools(team: Team, noun: str) -> list[Asked]:
    server = ToolServer.objects.create(team=team, slug=f"{noun}s", name=f"{noun.capitalize()} office", kind="welfare")
    asked = []
    for pattern, (risk, reads) in VERBS.items():
        name = pattern.format(noun)
        tool = Tool.objects.create(
            server=server, name=name, exposed_name=name, title=name.replace("_", " ").capitalize(),
            description=f"{name.replace('_', ' ').capitalize()} in the {noun} office.",
            input_schema={"type": "object"}, annotations={"readOnlyHint": True} if reads else {}, digest=digest(name),
            offered_digest=digest(name),
        )
        asked.append(Asked(tool.pk, name, tool.digest, risk, reads, noun))
    return asked


def _policies(team: Team, by: User, begin: datetime, end: datetime) -> list[tuple[int, datetime]]:
    """Three versions, a third of the time each."""
    made = []
    for number, (threshold, deadline) in enumerate(((70, 48), (75, 24), (70, 24))):
        text, start = POLICY.format(threshold=threshold, deadline=deadline), begin + (end - begin) * number / 3
        made.append(PolicyVersion.objects.create(
            team=team, number=number + 1, text=text, digest=digest(text), created_by=by, created_at=start,
            active=number == 2, activated_by=by, activated_at=start, note="Threshold and deadlines",
        ))  # fmt: skip
    return [(version.pk, version.activated_at) for version in made]

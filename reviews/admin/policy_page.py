"""A rule file as its readers see it: rules in sentences, lines with numbers, what differs. Plain values, no rows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from governance.policy import Outcome, Policy, PolicyError, Problem, describe, describe_default, parse

AROUND = 3  # unchanged lines that are shown beside a changed one
MAX_PAIRS = 500_000  # of equal lines; beyond these two files are shown one after the other, not compared
TAGS = {"allow": "gv-success", "deny": "gv-danger", "review": "gv-warning", "score": ""}


@dataclass(frozen=True)
class Sentence:
    effect: str
    tag: str
    text: str


@dataclass(frozen=True)
class Line:
    """A line of a difference. `kind` is same, added, removed or skipped; its numbers are 0 where it does not stand."""

    kind: str
    number: int
    text: str

    @property
    def sign(self) -> str:
        return {"added": "+", "removed": "−"}.get(self.kind, "")


@dataclass(frozen=True)
class Reading:
    """What a text says: a policy, or the problems that keep it from being one."""

    policy: Policy | None
    problems: tuple[tuple[Problem, str], ...]  # with the line they are about
    sentences: tuple[Sentence, ...]


def read(text: str) -> Reading:
    try:
        policy = parse(text)
    except PolicyError as error:
        lines = text.split("\n")
        return Reading(None, tuple((problem, _line(lines, problem.line)) for problem in error.problems), ())
    rules = [Sentence(str(rule.effect), TAGS[rule.effect], describe(rule)) for rule in policy.rules]
    default = Sentence(str(policy.default.effect), TAGS[policy.default.effect], describe_default(policy))
    return Reading(policy, (), (*rules, default))


def _line(lines: list[str], number: int) -> str:
    return lines[number - 1][:200] if 1 <= number <= len(lines) else ""


def numbered(text: str) -> list[Line]:
    return [Line("same", number, line) for number, line in enumerate(text.split("\n"), start=1)]


def lines_between(old: str, new: str) -> list[Line]:
    """What was removed and added, with the lines around it; empty when both say the same."""
    if old == new:
        return []
    before, after = old.split("\n"), new.split("\n")
    counts = Counter(after)
    if sum(counts[line] for line in before) > MAX_PAIRS:
        return [*_some("removed", before, 0, len(before)), *_some("added", after, 0, len(after))]
    found: list[Line] = []
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(AROUND):
        if found or group[0][3] > 0:
            found.append(Line("skipped", 0, "…"))
        for move, old_from, old_to, new_from, new_to in group:
            if move == "equal":
                found += _some("same", after, new_from, new_to)
            else:
                found += [*_some("removed", before, old_from, old_to), *_some("added", after, new_from, new_to)]
    return found


def _some(kind: str, lines: list[str], start: int, end: int) -> Iterator[Line]:
    return (Line(kind, place + 1, lines[place]) for place in range(start, end))


def in_words(outcome: Outcome) -> str:
    """What happens to the call, in a sentence."""
    words = {
        "allow": "It runs at once, unscored.", "deny": "It is refused.",
        "review": "A person decides.", "score": "It is scored",
    }[outcome.effect]
    if outcome.effect == "score":
        risk = f"risk {outcome.threshold}" if outcome.threshold is not None else "the gateway's own threshold"
        words += f"; from {risk} on a person decides."
    if outcome.deadline_seconds is not None:
        words += f" It waits for at most {outcome.deadline_seconds:,} seconds."
    if outcome.unsure:
        words += " An argument could not be compared, so the careful way was taken."
    return words

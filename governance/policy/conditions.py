"""The parts of a rule's `when`. Each answers True, False or None: it cannot be told.

A new kind of condition is a frozen dataclass with `holds`; its words stand in describe.py, its keys in parse.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from governance.policy.calls import PolicyCall
from governance.policy.patterns import Globs, Pattern

MAX_VALUES = 1_000  # that one path may lead to; beyond it cannot be told

Truth = bool | None
Scalar = str | int | float | bool

# What the protocol says of a tool that says nothing. Destructive counts only where a tool is not read-only.
ANNOTATION_DEFAULTS: Mapping[str, bool] = {
    "readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True,
}  # fmt: skip

# By exact type: true is no number here, and a value of any other type (an object, a list) has no kind.
_KINDS = {str: "text", bool: "boolean", int: "number", float: "number"}


class Condition(Protocol):
    def holds(self, call: PolicyCall) -> Truth:
        """Total for JSON arguments. None: it cannot be told."""
        ...


class Comparison(Protocol):
    def holds(self, value: Any) -> Truth:
        """Of a value that is there and not null."""
        ...


@dataclass(frozen=True)
class AgentIs:
    globs: Globs

    def holds(self, call: PolicyCall) -> Truth:
        return self.globs.match(call.agent)


@dataclass(frozen=True)
class ServerIs:
    globs: Globs

    def holds(self, call: PolicyCall) -> Truth:
        return self.globs.match(call.server)


@dataclass(frozen=True)
class ToolIs:
    """A glob matches the server's own name of the tool or the exposed one, in a rule that restricts.

    With `strictly` (rules that allow) it matches one of them: the exposed one if it names a server (contains "__"),
    else the server's own. Otherwise `read*` would allow whatever a server called "readers" offers, and a server
    could offer a tool called sandbox__fs_read.
    """

    globs: Globs
    strictly: bool = False
    _own: Globs = field(init=False, repr=False, compare=False)
    _exposed: Globs = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own, exposed = self.globs, self.globs
        if self.strictly:
            own = Globs(tuple(text for text in self.globs.texts if "__" not in text))
            exposed = Globs(tuple(text for text in self.globs.texts if "__" in text))
        object.__setattr__(self, "_own", own)
        object.__setattr__(self, "_exposed", exposed)

    def holds(self, call: PolicyCall) -> Truth:
        if self._own.covers(call.tool) or self._exposed.covers(call.exposed_name):
            return True
        if call.tool.isascii() and call.exposed_name.isascii():
            return False
        own, exposed = self._own.match(call.tool), self._exposed.match(call.exposed_name)
        return None if own is None or exposed is None else False


@dataclass(frozen=True)
class AnnotationIs:
    """What the tool's definition says of itself; an absent hint counts as the protocol's default for it."""

    name: str
    wanted: Scalar
    _equals: "OneOf" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_equals", OneOf((self.wanted,)))

    def holds(self, call: PolicyCall) -> Truth:
        value = call.annotations.get(self.name)
        if value is None:
            value = self._default(call.annotations)
        return False if value is None else self._equals.holds(value)

    def _default(self, annotations: Mapping[str, Any]) -> bool | None:
        if self.name == "destructiveHint" and annotations.get("readOnlyHint") is True:
            return False
        return ANNOTATION_DEFAULTS.get(self.name)


class _Each:
    """The step of a path into every item of a list."""

    def __repr__(self) -> str:
        return "[*]"


EACH = _Each()


@dataclass(frozen=True)
class ArgumentIs:
    """Comparisons that the value at a path passes, all of them. `path` is as written, `steps` is what it means.

    Absent and null are False. A path through [*] leads to several values: True when all pass, False when none does,
    else it cannot be told, so that a rule that restricts matches on any item and one that allows only on all.
    """

    path: str
    steps: tuple[str | _Each, ...]
    comparisons: tuple[Comparison, ...]
    _branches: bool = field(init=False, repr=False, compare=False)
    _passes: Callable[[Any], Truth] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_branches", EACH in self.steps)
        object.__setattr__(self, "_passes", self.comparisons[0].holds if len(self.comparisons) == 1 else self._all)

    def holds(self, call: PolicyCall) -> Truth:
        if self._branches:
            values, answers = _follow(self.steps, call.arguments)
            answers.update(self._passes(value) for value in values)
            return _together(answers)
        value: Any = call.arguments
        for step in self.steps:
            if type(value) is not dict and not isinstance(value, Mapping):
                return None
            value = value.get(step)
            if value is None:
                return False
        return self._passes(value)

    def _all(self, value: Any) -> Truth:
        sure = True
        for comparison in self.comparisons:
            truth = comparison.holds(value)
            if truth is False:
                return False
            sure = sure and truth is True
        return True if sure else None


def _together(answers: set[Truth]) -> Truth:
    """What several values say together; none at all is False."""
    if len(answers) > 1:
        return None
    return answers.pop() if answers else False


def _follow(steps: tuple[str | _Each, ...], arguments: Mapping[str, Any]) -> tuple[list[Any], set[Truth]]:
    """The values at the path's end; False among the answers if it ends early at nothing, None if at another type."""
    values: list[Any] = [arguments]
    answers: set[Truth] = set()
    for step in steps:
        found: list[Any] = []
        for value in values:
            if isinstance(step, str) and isinstance(value, Mapping):
                found.append(value.get(step))
            elif step is EACH and isinstance(value, list | tuple):
                found.extend(value[:MAX_VALUES])
                answers.update([None] if len(value) > MAX_VALUES else [])
            else:
                answers.add(None)
        if len(found) > MAX_VALUES:
            answers.add(None)
        values = [value for value in found[:MAX_VALUES] if value is not None]
        if len(values) < len(found):
            answers.add(False)
    return values, answers


@dataclass(frozen=True)
class OneOf:
    """Equal to one of these. A value of another type than all of them cannot be told: "5" may well mean 5."""

    wanted: tuple[Scalar, ...]
    _kinds: frozenset[str] = field(init=False, repr=False, compare=False)
    _pairs: frozenset[tuple[str, Scalar]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pairs = frozenset((_KINDS[type(value)], value) for value in self.wanted)
        object.__setattr__(self, "_pairs", pairs)
        object.__setattr__(self, "_kinds", frozenset(kind for kind, _ in pairs))

    def holds(self, value: Any) -> Truth:
        kind = _KINDS.get(type(value))
        if kind not in self._kinds or value != value:  # the second: NaN
            return None
        return (kind, value) in self._pairs


@dataclass(frozen=True)
class Less:
    bound: int | float

    def holds(self, value: Any) -> Truth:
        if _KINDS.get(type(value)) != "number" or value != value:
            return None
        return bool(value < self.bound)


@dataclass(frozen=True)
class More:
    bound: int | float

    def holds(self, value: Any) -> Truth:
        if _KINDS.get(type(value)) != "number" or value != value:
            return None
        return bool(value > self.bound)


@dataclass(frozen=True)
class Matches:
    pattern: Pattern

    def holds(self, value: Any) -> Truth:
        return self.pattern.found_in(value) if type(value) is str else None

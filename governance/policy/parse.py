"""A rule file's text becomes a Policy, or a PolicyError that names every line to change. See docs/policy.md."""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from governance.policy.conditions import (
    ANNOTATION_DEFAULTS,
    EACH,
    AgentIs,
    AnnotationIs,
    ArgumentIs,
    Comparison,
    Condition,
    Less,
    Matches,
    More,
    OneOf,
    Scalar,
    ServerIs,
    ToolIs,
)
from governance.policy.errors import PolicyError, Problem
from governance.policy.patterns import BadPattern, Globs, Pattern, check_glob
from governance.policy.rules import DEFAULT_RULE, Effect, Outcome, Policy, Rule
from governance.policy.tree import Entries, Entry, Items, Node, Text, read_tree, shown

VERSION = 1
MAX_RULES = 200
MAX_PATTERNS = 50  # `matches` in one file; a compiled one takes up to 10 MB
MAX_PATTERN_CHARS = 200
MAX_LIST_ITEMS = 100
MAX_NAME_CHARS = 200  # of a glob, a path, an annotation's name
MAX_VALUE_CHARS = 1_000
MAX_MESSAGE_CHARS = 500
MAX_STEPS = 10
MAX_DEADLINE_SECONDS = 365 * 24 * 3600

DEFAULT_EFFECTS = (Effect.SCORE, Effect.REVIEW, Effect.DENY)  # not allow: a call that nobody thought of is not safe
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}

_Word = TypeVar("_Word", bound=str)
_RULE_NAME = re.compile(r"[a-z0-9-]{1,60}\Z")
_DURATION = re.compile(r"([0-9]{1,9})([smhd])\Z", re.ASCII)
_PATH = re.compile(r"[^.\[\]]+(\[\*\])*(\.[^.\[\]]+(\[\*\])*)*\Z")
_STEP = re.compile(r"\[\*\]|[^.\[\]]+")


@dataclass(frozen=True)
class Preset:
    """An effect and a deadline under a name."""

    effect: Effect
    deadline_seconds: int


PRESETS = {"step-up": Preset(Effect.REVIEW, deadline_seconds=120)}


@dataclass(frozen=True)
class Defaults:
    """What a rule that does not say it gets. None: the gateway's setting."""

    threshold: int | None = None
    deadline_seconds: int | None = None


def parse(text: str) -> Policy:
    """The policy in this text. Raises PolicyError with a line and what to do for everything that is wrong."""
    problems: list[Problem] = []
    policy = _Parser(problems).policy(read_tree(text, problems))
    if problems:
        raise PolicyError(problems)
    return policy


class _Parser:
    """Reads nodes; what is wrong goes to the problems, and reading goes on to find the rest."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems
        self._patterns = 0

    def _wrong(self, line: int, message: str) -> None:
        self._problems.append(Problem(line, message))

    # The file and its rules

    def policy(self, node: Node) -> Policy:
        keys = self._keys(node, "a rule file", {"version", "defaults", "default", "rules"}, needed=("version", "rules"))
        if (version := keys.get("version")) is not None and not self._is_version(version.node):
            self._wrong(version.line, f"write `version: {VERSION}`, the only version there is")
        defaults = self._defaults(keys.get("defaults"))
        rules = self._rules(keys.get("rules"), defaults)
        return Policy(rules, self._default(keys.get("default"), defaults))

    @staticmethod
    def _is_version(node: Node) -> bool:
        return isinstance(node, Text) and node.plain and node.text == str(VERSION)

    def _defaults(self, entry: Entry | None) -> Defaults:
        if entry is None:
            return Defaults()
        keys = self._keys(entry.node, "defaults", {"threshold", "deadline"})
        return Defaults(self._threshold(keys.get("threshold")), self._deadline(keys.get("deadline")))

    def _default(self, entry: Entry | None, defaults: Defaults) -> Outcome:
        effect = self._choice(entry, DEFAULT_EFFECTS, "default") or Effect.SCORE
        rule = Rule(DEFAULT_RULE, effect, **_limits(effect, defaults.threshold, defaults.deadline_seconds),
                    message=_default_message(DEFAULT_RULE) if effect is Effect.DENY else "")  # fmt: skip
        return rule.outcome

    def _rules(self, entry: Entry | None, defaults: Defaults) -> tuple[Rule, ...]:
        if entry is None:
            return ()
        if not isinstance(entry.node, Items):
            self._wrong(entry.line, "`rules` is a list: every rule starts with `- name:`; write [] for none")
            return ()
        if len(entry.node.items) > MAX_RULES:
            self._wrong(entry.node.items[MAX_RULES].line, f"more than {MAX_RULES} rules; put some together")
        rules, names = [], {}
        for node in entry.node.items[:MAX_RULES]:
            rule = self._rule(node, defaults)
            if rule is None:
                continue
            if rule.name in names:
                self._wrong(node.line, f"a rule called {rule.name} stands in line {names[rule.name]} too; rename one")
            names.setdefault(rule.name, node.line)
            rules.append(rule)
        return tuple(rules)

    def _rule(self, node: Node, defaults: Defaults) -> Rule | None:
        keys = self._keys(
            node, "a rule", {"name", "effect", "preset", "message", "threshold", "deadline", "when"}, needed=("name",)
        )
        name = self._rule_name(keys.get("name"))
        preset = self._preset(keys)
        effect = preset.effect if preset else self._effect(keys, node.line)
        message = self._message(keys.get("message"))
        threshold, deadline = self._threshold(keys.get("threshold")), self._deadline(keys.get("deadline"))
        conditions = self._conditions(keys.get("when"), effect)
        if name is None or effect is None:
            return None
        self._check_belonging(keys, effect)
        if effect is Effect.ALLOW and "when" not in keys:
            self._wrong(node.line, 'a rule that allows says what: add `when`, with `tool: "*"` if you mean every tool')
        limits = _limits(effect, threshold or defaults.threshold,
                         deadline or (preset.deadline_seconds if preset else defaults.deadline_seconds))  # fmt: skip
        if effect is Effect.DENY and message is None:
            message = _default_message(name)
        return Rule(name, effect, conditions, message=message or "", **limits)

    def _rule_name(self, entry: Entry | None) -> str | None:
        if entry is None:
            return None
        name = self._text(entry, "name", MAX_NAME_CHARS)
        if name is None:
            return None
        if not _RULE_NAME.match(name):
            self._wrong(entry.line, f"{shown(name)} is no rule name: 1 to 60 of a-z, 0-9 and -")
            return None
        if name == DEFAULT_RULE:
            self._wrong(entry.line, f"`{DEFAULT_RULE}` names what no rule matches; call the rule something else")
            return None
        return name

    def _preset(self, keys: dict[str, Entry]) -> Preset | None:
        entry = keys.get("preset")
        if entry is None:
            return None
        if "effect" in keys:
            self._wrong(keys["effect"].line, "write `effect` or `preset`, not both: the preset brings an effect")
        name = self._choice(entry, tuple(PRESETS), "preset")
        return PRESETS[name] if name else None

    def _effect(self, keys: dict[str, Entry], line: int) -> Effect | None:
        if "effect" not in keys and "preset" not in keys:
            self._wrong(line, f"a rule needs `effect`: {_either(Effect)}, or `preset`")
        return self._choice(keys.get("effect"), tuple(Effect), "effect")

    def _check_belonging(self, keys: dict[str, Entry], effect: Effect) -> None:
        """A key without a meaning in this rule is refused: its author thinks that it does something."""
        homes = {
            "message": (Effect.DENY,), "threshold": (Effect.SCORE,), "deadline": (Effect.SCORE, Effect.REVIEW),
        }  # fmt: skip
        for key, effects in homes.items():
            if key in keys and effect not in effects:
                self._wrong(keys[key].line, f"`{key}` means nothing in a rule with effect {effect}, "
                                            f"only with {_either(effects)}; remove it")  # fmt: skip

    def _message(self, entry: Entry | None) -> str | None:
        text = self._text(entry, "message", MAX_MESSAGE_CHARS) if entry else None
        return text.strip() if text else None

    # when

    def _conditions(self, entry: Entry | None, effect: Effect | None) -> tuple[Condition, ...]:
        """In the order of their cost: names first, arguments last."""
        if entry is None:
            return ()
        keys = self._keys(entry.node, "when", {"agent", "server", "tool", "annotations", "arguments"})
        if isinstance(entry.node, Entries) and not entry.node.entries:
            self._wrong(entry.line, "`when` is empty; say what the rule matches")
        conditions: list[Condition] = []
        kinds: dict[str, Callable[[Globs], Condition]] = {
            "server": ServerIs, "agent": AgentIs,
            "tool": lambda globs: ToolIs(globs, strictly=effect is Effect.ALLOW),
        }  # fmt: skip
        for key, kind in kinds.items():
            if key in keys and (globs := self._globs(keys[key], key)):
                conditions.append(kind(globs))
        return (*conditions, *self._annotations(keys.get("annotations")), *self._arguments(keys.get("arguments")))

    def _globs(self, entry: Entry, key: str) -> Globs | None:
        nodes = entry.node.items if isinstance(entry.node, Items) else [entry.node]
        if not 1 <= len(nodes) <= MAX_LIST_ITEMS:
            self._wrong(entry.line, f"`{key}` takes a glob or a list of 1 to {MAX_LIST_ITEMS}")
            return None
        texts = [self._glob(Entry(node.line, node), key) for node in nodes]
        if not all(texts):
            return None
        try:
            return Globs(tuple(text for text in texts if text))
        except BadPattern as error:
            self._wrong(entry.line, f"`{key}`: {error}")
            return None

    def _glob(self, entry: Entry, key: str) -> str | None:
        text = self._text(entry, key, MAX_NAME_CHARS)
        if text is None:
            return None
        try:
            check_glob(text)
        except BadPattern as error:
            self._wrong(entry.line, f"{shown(text)} is no glob: {error}")
            return None
        return text

    def _annotations(self, entry: Entry | None) -> Iterable[Condition]:
        for name, inner in self._filled(entry, "annotations", "readOnlyHint: true").items():
            near = difflib.get_close_matches(name.lower(), [known.lower() for known in ANNOTATION_DEFAULTS], cutoff=0.8)
            meant = next((known for known in ANNOTATION_DEFAULTS if known.lower() in near), name)
            if name != meant and name not in ANNOTATION_DEFAULTS:
                self._wrong(inner.line, f"no annotation is called `{shown(name)}`; did you mean `{meant}`?")
            elif len(name) > MAX_NAME_CHARS:
                self._wrong(inner.line, f"an annotation's name has up to {MAX_NAME_CHARS} characters")
            elif (wanted := self._scalar(inner)) is not None:
                if name in ANNOTATION_DEFAULTS and not isinstance(wanted, bool):
                    self._wrong(inner.line, f"`{name}` is true or false")
                yield AnnotationIs(name, wanted)

    def _arguments(self, entry: Entry | None) -> Iterable[Condition]:
        for path, inner in self._filled(entry, "arguments", "amount: {more: 1000}").items():
            steps = tuple(EACH if step == "[*]" else step for step in _STEP.findall(path))
            if len(path) > MAX_NAME_CHARS or len(steps) > MAX_STEPS:
                self._wrong(inner.line, f"a path has up to {MAX_NAME_CHARS} characters and {MAX_STEPS} steps")
            elif not _PATH.match(path):
                self._wrong(inner.line, f"{shown(path)} is no path: write names with dots between, and [*] "
                                        "after a name for every item of a list")  # fmt: skip
            elif comparisons := self._comparisons(inner):
                yield ArgumentIs(path, steps, comparisons)

    def _comparisons(self, entry: Entry) -> tuple[Comparison, ...]:
        readers: dict[str, Callable[[Entry], Comparison | None]] = {
            "equals": self._equals, "in": self._in, "less": self._less, "more": self._more, "matches": self._matches,
        }  # fmt: skip
        if not isinstance(entry.node, Entries) or not entry.node.entries:
            self._wrong(entry.line, "write a comparison: {equals: ...}, in, less, more or matches")
            return ()
        keys = self._keys(entry.node, "a comparison", set(readers))
        read = [readers[key](inner) for key, inner in keys.items()]
        return tuple(comparison for comparison in read if comparison is not None)

    def _equals(self, entry: Entry) -> Comparison | None:
        wanted = self._scalar(entry)
        return None if wanted is None else OneOf((wanted,))

    def _in(self, entry: Entry) -> Comparison | None:
        if not isinstance(entry.node, Items) or not 1 <= len(entry.node.items) <= MAX_LIST_ITEMS:
            self._wrong(entry.line, f"`in` takes a list of 1 to {MAX_LIST_ITEMS} values")
            return None
        wanted = [self._scalar(Entry(node.line, node)) for node in entry.node.items]
        return OneOf(tuple(value for value in wanted if value is not None)) if None not in wanted else None

    def _less(self, entry: Entry) -> Comparison | None:
        bound = self._number(entry, "less")
        return None if bound is None else Less(bound)

    def _more(self, entry: Entry) -> Comparison | None:
        bound = self._number(entry, "more")
        return None if bound is None else More(bound)

    def _matches(self, entry: Entry) -> Comparison | None:
        text = self._text(entry, "matches", MAX_PATTERN_CHARS)
        self._patterns += 1
        if self._patterns > MAX_PATTERNS:
            self._wrong(entry.line, f"more than {MAX_PATTERNS} expressions (`matches`) in one file; put some together")
            return None
        if text is None:
            return None
        try:
            return Matches(Pattern(text))
        except BadPattern as error:
            self._wrong(entry.line, f"the expression {shown(text)} cannot be used: {error}")
            return None

    # Values

    def _keys(self, node: Node, what: str, known: set[str], *, needed: Iterable[str] = ()) -> dict[str, Entry]:
        """The known keys of a mapping, the others are problems."""
        if not isinstance(node, Entries):
            self._wrong(node.line, f"{what} is made of `key: value` lines; its keys are {_names(known)}")
            return {}
        for key, entry in node.entries.items():
            if key not in known:
                near = difflib.get_close_matches(key[:MAX_NAME_CHARS], known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"its keys are {_names(known)}"
                self._wrong(entry.line, f"{what} has no key `{shown(key)}`; {hint}")
        for key in needed:
            if key not in node.entries:
                self._wrong(node.line, f"{what} needs `{key}`")
        return {key: entry for key, entry in node.entries.items() if key in known}

    def _filled(self, entry: Entry | None, key: str, example: str) -> dict[str, Entry]:
        """The entries of a mapping whose keys are the author's own; empty is a problem, as it would match all."""
        if entry is None:
            return {}
        if not isinstance(entry.node, Entries) or not entry.node.entries:
            self._wrong(entry.line, f"`{key}` is made of entries such as {{{example}}}; remove it to match all")
            return {}
        return entry.node.entries

    def _value(self, node: Node) -> Scalar | None:
        """A scalar's value; None for null, lists and mappings, and for a number that is refused."""
        try:
            return node.value if isinstance(node, Text) else None
        except ValueError as error:
            self._wrong(node.line, str(error))
            return None

    def _scalar(self, entry: Entry) -> Scalar | None:
        before = len(self._problems)
        value = self._value(entry.node)
        if value is None and len(self._problems) == before:
            self._wrong(entry.line, "a value to compare with is a text, a number, true or false")
        if isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
            self._wrong(entry.line, f"a value to compare with has up to {MAX_VALUE_CHARS} characters")
        return value

    def _number(self, entry: Entry, key: str) -> int | float | None:
        before = len(self._problems)
        value = self._value(entry.node)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if len(self._problems) == before:
            self._wrong(entry.line, f"`{key}` compares with a number, such as 1000 or 0.5")
        return None

    def _text(self, entry: Entry, key: str, limit: int) -> str | None:
        """A text of 1 to `limit` characters; numbers and words such as true count as they are written."""
        if not isinstance(entry.node, Text) or not entry.node.text.strip() or entry.node.is_null:
            self._wrong(entry.line, f"`{key}` needs a text")
            return None
        if len(entry.node.text) > limit:
            self._wrong(entry.line, f"`{key}` has up to {limit} characters")
            return None
        return entry.node.text

    def _choice(self, entry: Entry | None, choices: tuple[_Word, ...], key: str) -> _Word | None:
        if entry is None:
            return None
        text = entry.node.text if isinstance(entry.node, Text) else ""
        if text in choices:
            return choices[choices.index(text)]
        near = difflib.get_close_matches(text[:MAX_NAME_CHARS], choices, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        self._wrong(entry.line, f"`{key}` is {_either(choices)}, not {shown(text) or 'this'}{hint}")
        return None

    def _threshold(self, entry: Entry | None) -> int | None:
        if entry is None:
            return None
        before = len(self._problems)
        value = self._value(entry.node)
        if type(value) is int and 1 <= value <= 100:
            return value
        if len(self._problems) == before:
            self._wrong(entry.line, "`threshold` is a whole number from 1 to 100: from this risk on a person decides")
        return None

    def _deadline(self, entry: Entry | None) -> int | None:
        """In seconds."""
        if entry is None:
            return None
        parts = _DURATION.match(entry.node.text) if isinstance(entry.node, Text) else None
        seconds = int(parts[1]) * UNITS[parts[2]] if parts else 0
        if not 1 <= seconds <= MAX_DEADLINE_SECONDS:
            self._wrong(entry.line, "`deadline` is a number with s, m, h or d: 30s, 2m, 24h, 7d; up to 365d")
            return None
        return seconds


def _limits(effect: Effect, threshold: int | None, deadline_seconds: int | None) -> dict[str, int | None]:
    """Only what has a meaning for the effect."""
    return {
        "threshold": threshold if effect is Effect.SCORE else None,
        "deadline_seconds": deadline_seconds if effect in (Effect.SCORE, Effect.REVIEW) else None,
    }


def _default_message(name: str) -> str:
    if name == DEFAULT_RULE:
        return "No rule of your team's policy permits this call."
    return f"The rule {name} of your team's policy denies this call."


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _either(names: Iterable[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} or {last}" if rest else str(last)

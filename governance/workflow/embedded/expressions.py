"""The `if` of wait_for_event: a small strict part of what an Inngest server understands.

    expression := comparison ("&&" comparison)*        also in parentheses
    comparison := operand ("==" | "!=") operand
    operand    := path | string | number | true | false | null
    path       := ("async" | "event") ("." name | "[" string "]")+

`async` is the event that arrived, `event` the one that started the run. Anything else cannot be compiled, which fails
the run at once instead of waiting for ever.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


class ExpressionError(ValueError):
    """The expression cannot be compiled here."""


MISSING = object()
MAX_LENGTH = 2_000
MAX_KEY_PART = 90
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>-?(?:\d+\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<name>[A-Za-z_]\w*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>==|!=|&&|[()\[\].])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Path:
    root: str
    names: tuple[str, ...]

    def value(self, events: Mapping[str, Any]) -> Any:
        value = events[self.root]
        for name in self.names:
            if not isinstance(value, dict) or name not in value:
                return MISSING
            value = value[name]
        return value


@dataclass(frozen=True)
class Literal:
    constant: Any

    def value(self, events: Mapping[str, Any]) -> Any:
        return self.constant


@dataclass(frozen=True)
class Comparison:
    left: Path | Literal
    right: Path | Literal
    negated: bool

    def holds(self, events: Mapping[str, Any]) -> bool:
        left, right = self.left.value(events), self.right.value(events)
        if left is MISSING and right is MISSING:
            return False
        if _breaks_out(self.left, left) or _breaks_out(self.right, right):
            return False
        left, right = (None if value is MISSING else value for value in (left, right))
        return same(left, right) is not self.negated


@dataclass(frozen=True)
class Expression:
    comparisons: tuple[Comparison, ...]

    def matches(self, *, event: Mapping[str, Any], arrived: Mapping[str, Any]) -> bool:
        events = {"event": event, "async": arrived}
        return all(comparison.holds(events) for comparison in self.comparisons)

    def match_key(self, event: Mapping[str, Any]) -> str:
        """`path=value` that a matching event must have, when one equality says so; else empty."""
        for comparison in self.comparisons:
            for path, other in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
                if comparison.negated or not isinstance(path, Path) or path.root != "async":
                    continue
                if isinstance(other, Path) and other.root == "async":
                    continue
                key = key_of(path.names, other.value({"event": event, "async": {}}))
                if key:
                    return key
        return ""


def key_of(names: tuple[str, ...], value: Any) -> str:
    """The index key of a text at a path; empty when it is no text, or too long to be indexed."""
    path = ".".join(names)
    if not isinstance(value, str) or len(path) > MAX_KEY_PART or len(value) > MAX_KEY_PART:
        return ""
    return f"{path}={value}"


def keys_of(arrived: Any, names: tuple[str, ...] = ()) -> set[str]:
    """Every key an event can be looked up by, and the empty one for waits without a key."""
    if isinstance(arrived, dict):
        return {""}.union(*(keys_of(value, (*names, name)) for name, value in arrived.items()))
    return {"", key_of(names, arrived)}


def same(left: Any, right: Any) -> bool:
    """JSON equality: numbers by value, no text or truth value equals a number, lists and objects by their parts."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return type(left) is type(right) and left == right


def _breaks_out(operand: Path | Literal, value: Any) -> bool:
    """The server writes a value of `event` into the expression as text; one with these characters never matches."""
    return (
        isinstance(operand, Path) and operand.root == "event" and isinstance(value, str)
        and any(mark in value for mark in '"\\\n')
    )


@lru_cache(maxsize=256)
def compile_expression(text: str) -> Expression:
    """Raises ExpressionError. An empty text matches every event."""
    if not text.strip():
        return Expression(())
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression has more than {MAX_LENGTH} characters")
    parser = _Parser(text)
    comparisons = parser.conjunction()
    parser.expect_end()
    return Expression(tuple(comparisons))


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0

    def conjunction(self) -> list[Comparison]:
        found = self.term()
        while self.take("&&"):
            found += self.term()
        return found

    def term(self) -> list[Comparison]:
        if self.take("("):
            found = self.conjunction()
            self.expect(")")
            return found
        left = self.operand()
        if not (self.peek("==") or self.peek("!=")):
            raise self.error("expected == or !=")
        negated = self.take("!=") or not self.take("==")
        return [Comparison(left, self.operand(), negated)]

    def operand(self) -> Path | Literal:
        kind, value = self.next()
        if kind == "number":
            return Literal(float(value) if any(mark in value for mark in ".eE") else int(value))
        if kind == "string":
            return Literal(self.unquote(value))
        if kind == "name" and value in ("true", "false", "null"):
            return Literal({"true": True, "false": False, "null": None}[value])
        if kind == "name" and value in ("async", "event"):
            return self.path(value)
        raise self.error(f"unexpected {value!r}")

    def path(self, root: str) -> Path:
        names: list[str] = []
        while True:
            if self.take("."):
                kind, name = self.next()
                if kind != "name":
                    raise self.error("expected a name after the dot")
            elif self.take("["):
                kind, quoted = self.next()
                if kind != "string":
                    raise self.error("expected a string in brackets")
                name = self.unquote(quoted)
                self.expect("]")
            else:
                break
            names.append(name)
        if not names:
            raise self.error(f"{root} alone is no value")
        return Path(root, tuple(names))

    def unquote(self, quoted: str) -> str:
        def replace(match: re.Match[str]) -> str:
            if match[1] not in _ESCAPES:
                raise self.error(f"unknown escape {match[0]}")
            return _ESCAPES[match[1]]

        return re.sub(r"\\(.)", replace, quoted[1:-1])

    def next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise self.error("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self, mark: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] == ("mark", mark)

    def take(self, mark: str) -> bool:
        found = self.peek(mark)
        self.at += found
        return found

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            raise self.error(f"expected {mark}")

    def expect_end(self) -> None:
        if self.at != len(self.tokens):
            raise self.error(f"unexpected {self.tokens[self.at][1]!r}")

    def error(self, what: str) -> ExpressionError:
        return ExpressionError(f"{what} in {self.text!r}")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"unexpected {text[at:at + 10]!r} in {text!r}")
        found.append((match.lastgroup or "", match[match.lastgroup or ""]))
        at = match.end()
    return found

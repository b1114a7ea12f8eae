"""JSON Schema evaluated within bounds: tool servers write the schemas, agents write what is checked against them.

Neither may hold a process. Every keyword costs steps, and past MAX_STEPS nothing more is evaluated; regular expressions
run on an engine that is linear in the text. The dialect is the root's, whatever a subschema says it is, and a $ref
fetches nothing. Not evaluated, and so left to the server itself: unevaluatedItems and unevaluatedProperties, and
patterns with look-around, backreferences or huge counts.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any

from attrs import fields
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, extend, validator_for
from referencing import Registry

from governance.errors import InvalidArguments
from governance.policy.patterns import BadPattern, Pattern

MAX_STEPS = 1_500_000  # half a second or a second at worst; an ordinary call takes some hundreds
MAX_LEVELS = 180  # of keywords within keywords, three or four frames each: far below Python's own limit, see _paid
KEYWORD_STEPS = 10
REFERENCE_STEPS = 30
THINGS_PER_STEP = 4
CHARS_PER_STEP = 20  # of an error's message
NAMED_STEPS = 20  # for each subschema: a $ref by name looks through all of them
MAX_PATTERN_CHARS = 1_000
MAX_REPEATS = 1_000  # the counts {n,m} of a pattern multiplied: as many states the engine may have to visit per letter
STATES_PER_STEP = 10_000
KEPT_PATTERNS = 64  # each up to 10 MB
NEW_PATTERN_STEPS = 100
LARGE_CLASS_STEPS = 500  # \w{100} takes 40 ms to compile

_REFERENCES = {"$ref", "$dynamicRef", "$recursiveRef"}
_LEFT_TO_THE_SERVER = {"unevaluatedItems", "unevaluatedProperties"}
_COUNTS = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")
_LARGE_CLASS = re.compile(r"\\[wWdDsSpP]")

Keyword = Callable[[Validator, Any, Any, Any], Iterator[ValidationError] | None]


class TooComplex(InvalidArguments):
    """The schema, or these arguments under it, would take more steps than one call may."""


class Bounded:
    """A schema that can be used. Shared by threads."""

    def __init__(self, schema: Any) -> None:
        """Raises TooComplex, and SchemaError for what is no schema."""
        dialect = validator_for(schema, default=Draft202012Validator)
        self._validator = _bounded(dialect)(schema, registry=Registry())
        self._named_steps = NAMED_STEPS * _subschemas(schema)
        meta = _bounded(validator_for(dialect.META_SCHEMA, default=dialect))(dialect.META_SCHEMA, registry=Registry())
        if (error := next(_within_bounds(meta, schema, REFERENCE_STEPS), None)) is not None:
            raise SchemaError.create_from(error)

    def iter_errors(self, instance: Any) -> Iterator[ValidationError]:
        """Raises TooComplex, and Unresolvable for a $ref that leads nowhere."""
        return _within_bounds(self._validator, instance, self._named_steps)


def _subschemas(schema: Any) -> int:
    """How many objects stand in it, at most; a definition's depth is bounded (governance/definitions.py)."""
    if isinstance(schema, dict):
        return 1 + sum(map(_subschemas, schema.values()))
    return sum(map(_subschemas, schema)) if isinstance(schema, list) else 0


@lru_cache(maxsize=1024)
def compiled(schema_text: str) -> Bounded | SchemaError | TooComplex:
    """The schema of this JSON text, or why there is none: finding that out is not repeated for every call."""
    try:
        return Bounded(json.loads(schema_text))
    except (SchemaError, TooComplex) as error:
        return error.with_traceback(None)


# -- steps ------------------------------------------------------------------------------------


class _Steps(threading.local):
    """What is left in this thread. An evaluation never waits, so no other one comes in between."""

    left = 0
    named = 0  # what a $ref by name costs
    level = 0


_steps = _Steps()


def _spend(steps: int) -> None:
    _steps.left -= steps
    if _steps.left < 0:
        raise TooComplex(
            "The tool's schema is too complex to check these arguments by it, so the call is refused. Send fewer or "
            "shorter ones, or ask the people who run the gateway to look at the tool."
        )


def _within_bounds(validator: Validator, instance: Any, named_steps: int) -> Iterator[ValidationError]:
    """The errors one by one. Each is found within MAX_STEPS: whoever asks for the next has time for it."""
    errors = validator.iter_errors(instance)
    _steps.level = 0
    while True:
        _steps.left, _steps.named = MAX_STEPS, named_steps
        if (error := next(errors, None)) is None:
            return
        yield error


# -- keywords ---------------------------------------------------------------------------------


@cache
def _bounded(dialect: type[Validator]) -> type[Validator]:
    """The dialect with every keyword paid for."""
    ours: dict[str, Keyword] = {
        "pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    keywords = {
        name: _nothing if name in _LEFT_TO_THE_SERVER else _paid(ours.get(name, keyword), _cost_of(name))
        for name, keyword in dialect.VALIDATORS.items()
    }
    made = extend(dialect, keywords)
    # A subschema with a $schema of its own would otherwise be evaluated by the library's class, without bounds.
    names = [(field.name, field.alias) for field in fields(made) if field.init]

    def evolve(self: Any, **changes: Any) -> Any:
        return made(**{alias: getattr(self, name) for name, alias in names if alias not in changes}, **changes)

    made.evolve = evolve
    return made


def _nothing(validator: Validator, value: Any, instance: Any, schema: Any) -> None:
    """Leaves the keyword to the server."""


def _cost_of(name: str) -> Callable[[Any, Any], int]:
    if name not in _REFERENCES:
        return lambda value, instance: KEYWORD_STEPS + _size(value) + _size(instance)
    return lambda value, _: REFERENCE_STEPS if value == "#" or str(value)[:2] == "#/" else _steps.named


def _paid(keyword: Keyword, cost: Callable[[Any, Any], int]) -> Keyword:
    def paid(validator: Validator, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _spend(cost(value, instance))
        # Python's own RecursionError must not come: in the library's Rust part it is a panic, which no edge catches.
        if _steps.level >= MAX_LEVELS:
            raise TooComplex("The tool's schema refers to itself without an end, so the call is refused.")
        _steps.level += 1
        try:
            for error in keyword(validator, value, instance, schema) or ():
                _spend(len(error.message) // CHARS_PER_STEP)  # it quotes the value; anyOf keeps all of its branches'
                yield error
        finally:
            _steps.level -= 1

    return paid


def _size(value: Any) -> int:
    """Steps for what a keyword goes through in it."""
    if type(value) is dict:
        return (len(value) + sum(len(item) for item in value.values() if type(item) is list)) // THINGS_PER_STEP
    return len(value) // THINGS_PER_STEP if type(value) is list else 0


def _pattern(validator: Validator, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Validator, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _is_checked(pattern) and _found(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Validator, rest: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extras = [name for name in instance if name not in known and not any(_found(each, name) for each in patterns)]
    if validator.is_type(rest, "object"):
        for name in extras:
            yield from validator.descend(instance[name], rest, path=name)
    elif not rest and extras:
        were = "was" if len(extras) == 1 else "were"
        names = ", ".join(map(repr, extras))
        yield ValidationError(f"Additional properties are not allowed ({names} {were} unexpected)")


def _unique_items(validator: Validator, is_wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not is_wanted or not validator.is_type(instance, "array"):
        return
    seen = set()
    for item in instance:
        key = _key(item)
        if key in seen:
            yield ValidationError(f"{instance!r} has non-unique elements")
            return
        seen.add(key)


def _key(value: Any) -> Any:
    """Equal for equal JSON values alone: 1 and 1.0 are, 1 and true are not."""
    _spend(1)
    if isinstance(value, dict):
        return "object", frozenset((name, _key(item)) for name, item in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_key, value))
    return type(value) is bool, value


# -- patterns ---------------------------------------------------------------------------------


def _found(pattern: str, text: str) -> bool:
    """Whether it is found, and True when that cannot be told."""
    _spend(1)
    if not _is_checked(pattern):
        return True
    _spend(len(text) * _repeats(pattern) // STATES_PER_STEP)
    return _compiled(pattern).found_in(text) is not False


@lru_cache(maxsize=4096)
def _is_checked(pattern: str) -> bool:
    return len(pattern) <= MAX_PATTERN_CHARS and _repeats(pattern) <= MAX_REPEATS and _compiled(pattern) is not None


@lru_cache(maxsize=KEPT_PATTERNS)
def _compiled(pattern: str) -> Pattern | None:
    """None for one that the engine does not know."""
    _spend(NEW_PATTERN_STEPS + LARGE_CLASS_STEPS * _repeats(pattern) * bool(_LARGE_CLASS.search(pattern)))
    try:
        return Pattern(pattern)
    except BadPattern:
        return None


def _repeats(pattern: str) -> int:
    product = 1
    for least, most in _COUNTS.findall(pattern):
        product *= max(1, int(most or least))
    return product

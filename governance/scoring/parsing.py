"""A backend's answer → Score, strictly. Whatever is not exactly one clear answer raises BadAnswer, never allows.

Accepted: a mapping, a JSON object, or text with exactly one JSON object and no other brace, e.g. fenced or with prose
around it. Of the object: `risk_score` a whole number 0..100 (42.0 is one; 42.5, 0.85, "42", true and NaN are not: a
fraction may be on another scale, so it is not rounded), `classification` and `action` exactly one of their values,
`rationale` a text with something in it. Other keys are ignored; a key given twice is refused. An answer that
contradicts itself is refused, not repaired: PAUSE below 70, ALLOW from 70 up, HIGH_RISK with ALLOW, LOW_RISK with
PAUSE. So is an object that stands word for word in the call: whoever wrote the call wrote it, and the model quotes it.

Plain Python without Django; the Modal app ships it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from governance.scoring.base import ACTIONS, CLASSIFICATIONS, MAX_TEXT_CHARS, PAUSE_FROM, BadAnswer, Score, clean_text

MAX_ANSWER_CHARS = 64 * 1024
MAX_ANSWER_NESTING = 32

_FORBIDDEN_PAIRS = {("HIGH_RISK", "ALLOW"), ("LOW_RISK", "PAUSE")}


def parse_answer(
    answer: object, *, payload: Mapping[str, Any] | None = None, scorer: str = "", version: str = ""
) -> Score:
    """The Score that an answer to `payload` states. Raises BadAnswer saying what is wrong with it."""
    fields = _object_in(answer, payload or {}) if isinstance(answer, str) else answer
    if not isinstance(fields, Mapping):
        raise BadAnswer(f"The answer is not a JSON object but {_kind(fields)}.")
    risk_score = _risk_score(_field(fields, "risk_score"))
    classification = _one_of(fields, "classification", CLASSIFICATIONS)
    action = _one_of(fields, "action", ACTIONS)
    rationale = _rationale(_field(fields, "rationale"))
    if (action == "PAUSE") != (risk_score >= PAUSE_FROM) or (classification, action) in _FORBIDDEN_PAIRS:
        raise BadAnswer(
            f"The answer contradicts itself: risk_score {risk_score}, {classification}, {action} "
            f"(scores from {PAUSE_FROM} up pause, lower ones do not)."
        )
    return Score(
        risk_score=risk_score, classification=classification, action=action, rationale=rationale,
        scorer=scorer, version=version,
    )


def _object_in(text: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The only JSON object of a text."""
    if len(text) > MAX_ANSWER_CHARS:
        raise BadAnswer(f"The answer has {len(text):,} characters; at most {MAX_ANSWER_CHARS:,} are read.")
    start = text.find("{")
    if start < 0:
        raise BadAnswer("The answer holds no JSON object." if text.strip() else "The answer is empty.")
    _refuse_deep_nesting(text)
    try:
        found, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise BadAnswer("The answer's JSON is broken or cut off.") from None
    # A second object, an enclosing list or a stray brace: it is not clear which part is the answer.
    around = text[:start] + " " + text[end:]
    if "{" in around or "}" in around or text[:start].rstrip().endswith("[") or text[end:].lstrip().startswith("]"):
        raise BadAnswer("The answer holds more than one JSON value.")
    quoted = _squeezed(text[start:end])
    if any(quoted in _squeezed(words) for words in _texts(payload)):
        raise BadAnswer("The answer is a text out of the call itself, not a judgement of it.")
    return found


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\\]+", "", text)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a payload, names included."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            stack += item


def _refuse_deep_nesting(text: str) -> None:
    depth = 0
    for char in text:
        depth += (char in "{[") - (char in "}]")
        if depth > MAX_ANSWER_NESTING:
            raise BadAnswer("The answer's JSON is nested too deeply.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadAnswer("The answer gives the same key twice.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise BadAnswer(f"The answer holds {name}, which is not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _field(fields: Mapping[Any, Any], name: str) -> Any:
    if name not in fields:
        raise BadAnswer(f"The answer has no {name}.")
    return fields[name]


def _risk_score(value: Any) -> int:
    # type(), not isinstance(): True is an int too. 1e999 arrives as infinity, whose is_integer() is False.
    whole = type(value) is int or (type(value) is float and value.is_integer())
    if not whole:
        raise BadAnswer(f"The answer's risk_score is not a whole number but {_kind(value)}.")
    if not 0 <= value <= 100:
        raise BadAnswer("The answer's risk_score lies outside 0 to 100.")
    return int(value)


def _one_of(fields: Mapping[Any, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = _field(fields, name)
    if type(value) is not str or value not in allowed:
        raise BadAnswer(f"The answer's {name} is not one of {', '.join(allowed)}.")
    return value


def _rationale(value: Any) -> str:
    if type(value) is not str or not value.strip():
        raise BadAnswer("The answer gives no rationale.")
    return clean_text(value, MAX_TEXT_CHARS)


def _kind(value: object) -> str:
    return {type(None): "null", bool: "true or false", int: "a number", float: "a number with a fraction",
            str: "text", list: "a list", dict: "an object", bytes: "bytes"}.get(type(value), type(value).__name__)

"""What can be read off a call without judging it: words, texts and amounts. Bounded, linear, pure Python."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from governance.scoring.base import ProposedCall
from governance.scoring.lexicon import OBSERVATION_KEYS

MAX_READ_CHARS = 32 * 1024  # of the arguments' texts together; more than that is not scored as if it were read
MAX_BACKGROUND_CHARS = 20 * 1024  # of request and observation each
OBSERVATION_MARK = "\n[last observation]"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_TEXT_WORD = re.compile(r"[^\W_]+")


def name_words(name: str) -> list[str]:
    """`GmailSendEmail`, `gmail.send_email` → gmail, send, email."""
    return [word.lower() for word in _WORD.findall(name[:500])]


def text_words(text: str) -> set[str]:
    return set(_TEXT_WORD.findall(text.casefold()))


@dataclass
class Facts:
    name: list[str]
    keys: set[str] = field(default_factory=set)
    texts: list[tuple[str, str]] = field(default_factory=list)  # (key, text) of every text in the arguments
    amounts: list[tuple[str, float]] = field(default_factory=list)
    longest_list: int = 0
    read_whole: bool = True
    request: str = ""  # what the user asked for, casefolded
    observation: str = ""  # what an earlier tool put in front of the agent, casefolded


def facts_of(call: ProposedCall) -> Facts:
    facts = Facts(name=name_words(call.tool))
    _read_arguments(facts, call.arguments)
    request, observation = _background(call)
    facts.request, facts.observation = request.casefold(), observation.casefold()
    return facts


def _read_arguments(facts: Facts, arguments: Any) -> None:
    """Walks the arguments without recursion, at most MAX_READ_CHARS of text."""
    left = MAX_READ_CHARS
    stack: list[tuple[str, Any]] = [("", arguments)]
    while stack:
        key, value = stack.pop()
        left -= 1
        if isinstance(value, dict):
            facts.keys.update(str(name)[:200].lower() for name in value)
            stack.extend((str(name)[:200].lower(), child) for name, child in value.items())
        elif isinstance(value, list):
            facts.longest_list = max(facts.longest_list, len(value))
            stack.extend((key, child) for child in value)
        elif isinstance(value, str):
            left -= len(value)
            facts.texts.append((key, value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            facts.amounts.append((key, float(value)))
        if left < 0:
            facts.read_whole = False
            return


def _background(call: ProposedCall) -> tuple[str, str]:
    """The user's request and the last observation. The intent is the request; else the context's beginning is."""
    context, observation = call.context, ""
    if isinstance(context, dict):
        seen = {key: value for key, value in context.items() if str(key).lower() in OBSERVATION_KEYS}
        observation = _as_text(seen) if seen else ""
        context = {key: value for key, value in context.items() if key not in seen}
    request = _as_text(context) if context else ""
    if OBSERVATION_MARK in f"\n{request}":
        request, _, observation = f"\n{request}".partition(OBSERVATION_MARK)
    return (call.intent or request)[:MAX_BACKGROUND_CHARS], observation[:MAX_BACKGROUND_CHARS]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

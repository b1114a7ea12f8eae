"""Globs over names and regular expressions over texts, compiled once.

Both run on Rust's regex engine, through pydantic-core: its time is linear in the text whatever the pattern, which
Python's `re` does not promise, and agents choose the texts. It has neither look-around nor backreferences.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_TEXT_CHARS = 256 * 1024  # as much as all arguments of a call may take; longer texts are not searched
_SPECIAL_IN_GLOBS = re.compile(r"[*?{]")


class BadPattern(ValueError):
    """This glob or expression cannot be compiled; the message says why and what to do."""


def _compile(expression: str) -> SchemaValidator:
    schema = core_schema.str_schema(pattern=expression, regex_engine="rust-regex", strict=True)
    try:
        return SchemaValidator(schema)
    except SchemaError as error:
        raise BadPattern(_reason(str(error))) from error


def _reason(text: str) -> str:
    """The engine's last line: what stands above repeats the pattern."""
    last = text.strip().rsplit("\n", 1)[-1].strip()
    return last.removeprefix("error: ").removeprefix("SchemaError: ").rstrip(".")


@dataclass(frozen=True)
class Pattern:
    """A regular expression, found anywhere in a text. Raises BadPattern."""

    text: str
    _finds: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_finds", _compile(self.text).isinstance_python)

    def found_in(self, text: str) -> bool | None:
        """None: cannot be told, because the text is too long or holds half a character (a lone surrogate)."""
        if len(text) > MAX_TEXT_CHARS:
            return None
        return True if self._finds(text) else _unless_unreadable(text)


@dataclass(frozen=True)
class Globs:
    """Globs over a whole name, case-sensitive: * is any run, ? one character, {a,b} either. Raises BadPattern."""

    texts: tuple[str, ...]
    covers: Callable[[str], bool] = field(init=False, repr=False, compare=False)  # True: surely; False: see match

    def __post_init__(self) -> None:
        if any(map(_SPECIAL_IN_GLOBS.search, self.texts)):
            expression = "|".join(map(_expression, self.texts))
            covers = _compile(rf"(?s)\A(?:{expression})\z").isinstance_python
        else:
            covers = frozenset(self.texts).__contains__
        object.__setattr__(self, "covers", covers)

    def match(self, name: str) -> bool | None:
        """None: cannot be told (see Pattern.found_in)."""
        return True if self.covers(name) else _unless_unreadable(name)


def check_glob(text: str) -> None:
    """Raises BadPattern when this is no glob."""
    if "[" in text or "\\" in text:
        raise BadPattern("globs know *, ? and {a,b} only, neither [...] nor \\")
    _expression(text)


def _unless_unreadable(text: str) -> bool | None:
    """False, but None for a text with half characters: the engine finds nothing in it, whatever it holds."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return False


def _expression(glob: str) -> str:
    """The glob as a regular expression, without anchors."""
    parts, at = [], 0
    while at < len(glob):
        char = glob[at]
        if char == "{":
            end = glob.find("}", at)
            inner = glob[at + 1 : end] if end > 0 else "{"
            if "{" in inner:
                raise BadPattern("write {a,b}, closed and not one inside another")
            parts.append("(?:" + "|".join(map(_without_braces, inner.split(","))) + ")")
            at = end
        elif char == "}":
            raise BadPattern("there is a } without its {")
        else:
            parts.append(_without_braces(char))
        at += 1
    return "".join(parts)


def _without_braces(glob: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in glob)

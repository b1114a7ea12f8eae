"""A rule file's text as a small tree of nodes that know their lines. What rules are made of is parse.py's matter.

YAML without what only surprises: no anchors, aliases, tags or second document, no key twice, no deep nesting, no
character that a reader cannot see. Plain words mean what YAML 1.2 says, so NO is Norway's code and not false; a
number that versions of YAML read differently has to be put in quotes.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from governance.policy.errors import PolicyError, Problem

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8  # of mappings and lists inside one another; a rule file needs 6
MAX_NUMBER_CHARS = 30

_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]+|\.?[eE][-+]?[0-9]+|\.[0-9]+[eE][-+]?[0-9]+)\Z", re.ASCII)
_NUMBER_LIKE = re.compile(
    r"[-+]?(\.?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|0[xob][0-9a-fA-F_]+|\.(inf|nan))\Z", re.ASCII | re.IGNORECASE
)
# What some programs take for the end of a line and some do not: two readers would see two different files.
_LINE_ENDS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Text:
    """A scalar, as written."""

    line: int
    text: str
    plain: bool = False  # without quotes

    @property
    def is_null(self) -> bool:
        return self.plain and _WORDS.get(self.text, self.text) is None

    @property
    def value(self) -> str | int | float | bool | None:
        """Raises ValueError, with what to do, for a number that may be read in two ways."""
        if not self.plain:
            return self.text
        if self.text in _WORDS:
            return _WORDS[self.text]
        if not _NUMBER_LIKE.match(self.text):
            return self.text
        if len(self.text) <= MAX_NUMBER_CHARS and _INTEGER.match(self.text):
            return int(self.text)
        if len(self.text) <= MAX_NUMBER_CHARS and _DECIMAL.match(self.text) and math.isfinite(float(self.text)):
            return float(self.text)
        raise ValueError(f"{shown(self.text)} may be read as different numbers; put it in quotes if it is a text")


@dataclass(frozen=True)
class Items:
    line: int
    items: "list[Node]" = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """One key of a mapping: the key's line, and what it leads to."""

    line: int
    node: "Node"


@dataclass(frozen=True)
class Entries:
    line: int
    entries: dict[str, Entry] = field(default_factory=dict)


Node = Text | Items | Entries


def shown(text: str, limit: int = 60) -> str:
    """A text from the file, fit for a message: cut, with what cannot be seen written out."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in cut)


def read_tree(text: str, problems: list[Problem]) -> Node:
    """The file's tree; a key that stands twice is added to the problems. Raises PolicyError for what is no tree."""
    text = text.removeprefix("\ufeff")
    _check_characters(text)
    return _build(_events(text), problems)


def _events(text: str) -> Iterator[yaml.Event]:
    """What PyYAML's parser says, one by one as it reads. Raises PolicyError for what is no YAML."""
    try:
        loader = yaml.SafeLoader(text)
        while loader.check_event():
            yield loader.get_event()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"this is no YAML: {error.problem or error.context}; texts with signs such as * or ? go in quotes"
        raise _refusal(mark.line + 1 if mark else 1, reason) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refusal(line, f"the character U+{error.character:04X} may not stand in a rule file") from error
    except (ValueError, OverflowError) as error:  # it does not check how large the number in an escape is
        raise _refusal(loader.line + 1, "this is no YAML: a number is too large") from error


def _refusal(line: int, message: str) -> PolicyError:
    return PolicyError([Problem(line, message)])


def _check_characters(text: str) -> None:
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise _refusal(1, f"the file takes more than {MAX_BYTES:,} bytes; write fewer or shorter rules")
    problems = []
    for number, line in enumerate(text.split("\n"), start=1):
        hidden = [char for char in line if not char.isascii() and unicodedata.category(char) in {"Cf", "Cs"}]
        hidden += _LINE_ENDS.findall(line.removesuffix("\r"))
        if hidden:
            problems.append(Problem(number, f"a hidden character, U+{ord(hidden[0]):04X}; remove it, or write it "
                                            'as an escape such as "\\u200B" in double quotes'))  # fmt: skip
    if problems:
        raise PolicyError(problems)


def _build(events: Iterator[yaml.Event], problems: list[Problem]) -> Node:
    """The tree of the first document, without recursion. The events come one by one: depth is checked on the way."""
    root: list[Node] = []
    open_nodes: list[Items | Entries] = []
    keys: list[Text | None] = []  # of every open mapping, the key that waits for its value
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _refusal(event.start_mark.line + 1, "a second document (---); a rule file is one")
        if isinstance(event, yaml.CollectionEndEvent):
            open_nodes.pop()
            keys.pop()
        if not isinstance(event, yaml.NodeEvent):
            continue
        node = _node(event)
        _place(node, root, open_nodes, keys, problems)
        if not isinstance(node, Text):
            open_nodes.append(node)
            keys.append(None)
            if len(open_nodes) > MAX_DEPTH:
                raise _refusal(node.line, f"nested deeper than {MAX_DEPTH} levels")
    if not root:
        raise _refusal(1, "the file is empty; it starts with `version: 1`")
    return root[0]


def _node(event: yaml.NodeEvent) -> Node:
    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise _refusal(line, "anchors (&) and aliases (*) are not read; write the value out, globs in quotes")
    if event.tag is not None:
        raise _refusal(line, "tags (!) are not read; put the text in quotes if it starts with one")
    if isinstance(event, yaml.ScalarEvent):
        if _UNSTORABLE.search(event.value):
            raise _refusal(line, "an escape for a character that no text can hold, U+0000 or half a surrogate pair")
        return Text(line, event.value, plain=event.style is None)
    return Items(line) if isinstance(event, yaml.SequenceStartEvent) else Entries(line)


def _place(
    node: Node, root: list[Node], open_nodes: list[Items | Entries], keys: list[Text | None], problems: list[Problem]
) -> None:
    """Puts a node where the file has it: on top, into a list, or as a mapping's next key or value."""
    if not open_nodes:
        root.append(node)
        return
    parent = open_nodes[-1]
    if isinstance(parent, Items):
        parent.items.append(node)
    elif (key := keys[-1]) is None:
        if not isinstance(node, Text):
            raise _refusal(node.line, "a key has to be a word")
        keys[-1] = node
    else:
        keys[-1] = None
        if key.text in parent.entries:
            first = parent.entries[key.text].line
            problems.append(Problem(key.line, f"`{shown(key.text)}` stands twice, in line {first} too; keep one"))
        else:
            parent.entries[key.text] = Entry(key.line, node)

"""What a reader cannot see, or an agent should not obey, in the texts of a tool's definition.

Marks for the person who accepts the definition, never a verdict: a clean inspection proves nothing. Only what is pinned
is inspected (governance/definitions.py). Phrases are sought in the text as a reader takes it: hidden characters left
out, lookalikes and styles as plain letters, white space as one space. Every pattern is bounded: the work is linear in
the text, and at most MAX_CHARS of it are read.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from governance.characters import (
    Hidden,
    Run,
    carried_text,
    folded,
    hidden_runs,
    looks_latin,
    name_of,
    spelled,
    visible,
)
from governance.definitions import MAX_DEFINITION_DEPTH, pinned, step

MAX_CHARS = 64 * 1024  # of all texts together
MAX_TEXTS = 10_000
MAX_FINDINGS = 50
MAX_EXCERPT_CHARS = 120
_AROUND = 40


class Kind(StrEnum):
    HIDDEN = "hidden"
    LOOKALIKE = "lookalike"
    PADDING = "padding"
    INSTRUCTION = "instruction"
    SENSITIVE = "sensitive"
    ENCODED = "encoded"
    LINK = "link"
    UNREAD = "unread"


@dataclass(frozen=True)
class Finding:
    """`where` is a JSON pointer into the definition; `start` and `length` count characters of the text there.

    In a schema the name of a property is found at the pointer of its value. `before`, `found`, `after` are that place
    and what stands around it, short, with hidden characters spelled out.
    """

    kind: Kind
    where: str
    before: str
    found: str
    after: str
    start: int
    length: int
    meaning: str

    @property
    def excerpt(self) -> str:
        return self.before + self.found + self.after


def inspect(definition: Mapping[str, Any]) -> list[Finding]:
    """The findings in the order of the definition, at most MAX_FINDINGS and one that says so. Never raises."""
    found = list(islice(_findings(definition), MAX_FINDINGS + 1))
    if len(found) > MAX_FINDINGS:
        found[MAX_FINDINGS:] = [_unread("", f"There is more than these {MAX_FINDINGS} marks.")]
    return found


def _findings(definition: Mapping[str, Any]) -> Iterator[Finding]:
    left = MAX_CHARS
    for count, (where, text) in enumerate(_texts(pinned(definition))):
        if count >= MAX_TEXTS or left <= 0 or text is None:
            yield _unread(where, "From here on the definition was not inspected: it is too long or too deep.")
            return
        yield from _of_text(where, text[:left])
        if len(text) > left:
            yield _unread(where, f"Only the first {MAX_CHARS:,} characters of the definition were inspected.")
            return
        left -= len(text)


def _of_text(where: str, text: str) -> Iterator[Finding]:
    yield from _hidden(where, text)
    if where == "/name":
        yield from _outside_ascii(where, text)
    elif not text.isascii():
        yield from _mixed_scripts(where, text)
    yield from _padding(where, text)
    yield from _phrases(where, text)
    yield from _encoded(where, text)
    yield from _links(where, text)


def _texts(definition: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Every text and every name of a property with its pointer, in order; None in place of what is nested too deep."""
    waiting: list[tuple[str, Any, int]] = [("", definition, 0)]
    while waiting:
        where, value, depth = waiting.pop()
        if isinstance(value, str):
            yield where, value
        elif isinstance(value, Mapping | list) and depth > MAX_DEFINITION_DEPTH:
            yield where, None
        elif isinstance(value, list):
            waiting += [(f"{where}/{place}", item, depth + 1) for place, item in enumerate(value)][::-1]
        elif isinstance(value, Mapping):
            for key in reversed(list(value)):
                place = f"{where}/{_shown(step(key))}"
                waiting.append((place, value[key], depth + 1))
                if depth:  # the names on top are ours
                    waiting.append((place, str(key), depth + 1))


# -- what cannot be seen ---------------------------------------------------------------------

_HIDDEN_MEANS = {
    Hidden.ZERO_WIDTH: "Characters without a width: the reader sees nothing, the agent reads them.",
    Hidden.TAG: "Tag characters: invisible copies of ASCII, which agents read as text.",
    Hidden.DIRECTION: "Characters that change the direction of the text: it is shown in another order than it is read.",
    Hidden.VARIATION: "Variation selectors that select nothing: invisible, and able to carry any text.",
    Hidden.CONTROL: "Control characters, which do not belong in a text and may change how it is shown.",
}


def _hidden(where: str, text: str) -> Iterator[Finding]:
    for run in hidden_runs(text):
        if run.text == "\r" and text[run.start + 1 : run.start + 2] == "\n" and where != "/name":
            continue  # the end of a line as Windows writes it
        yield _finding(Kind.HIDDEN, where, text, run.start, len(run.text), _HIDDEN_MEANS[run.kind] + _reads(run))


def _reads(run: Run) -> str:
    carried = carried_text(run)
    return f" These read: {_shown(carried)}" if len(carried) > 3 else ""


_NOT_IN_A_NAME = re.compile(r"[^\x21-\x7e]+")


def _outside_ascii(where: str, text: str) -> Iterator[Finding]:
    for match in _NOT_IN_A_NAME.finditer(text):
        char = next((char for char in match.group() if looks_latin(char)), match.group()[0])
        like = f", which looks like {looks_latin(char)}" if looks_latin(char) else ""
        meaning = f"A tool's name has letters of ASCII only, but here is {name_of(char)}{like}."
        yield _finding(Kind.LOOKALIKE, where, text, match.start(), len(match.group()), meaning)


_WORD = re.compile(r"[^\W\d_]{2,}")


def _mixed_scripts(where: str, text: str) -> Iterator[Finding]:
    """Words of Latin letters and lookalikes of them, and of nothing else (so `URLов` and `Δx` are left alone)."""
    for match in _WORD.finditer(text):
        word = match.group()
        if word.isascii():
            continue
        others = [char for char in word if looks_latin(char) and "LATIN" not in name_of(char)]
        latin = sum(char.isascii() for char in word)
        if others and latin and latin + len(others) == len(word):
            meaning = f"Letters of two scripts in one word: {name_of(others[0])} looks like {looks_latin(others[0])}."
            yield _finding(Kind.LOOKALIKE, where, text, match.start(), len(word), meaning)


_BLANKS = re.compile(r"\s{40,}")


def _padding(where: str, text: str) -> Iterator[Finding]:
    for match in _BLANKS.finditer(text):
        lines = match.group().split("\n")
        if match.end() < len(text) and (len(lines) > 8 or max(map(len, lines)) >= 60):
            meaning = "So much white space that what comes after it may lie outside of what a reader sees."
            yield _finding(Kind.PADDING, where, text, match.start(), len(match.group()), meaning)


# -- what should not be obeyed ---------------------------------------------------------------

_SOME = r"(?: [\w'/-]{1,20})"  # a word, after a space
_USER = r"(?:user|human|person|people|anyone|anybody|operator|reviewer|owner|customer)s?"

_PHRASES = [
    (Kind.INSTRUCTION, re.compile(pattern), meaning) for pattern, meaning in (
        (
            rf"\b(?:ignore|disregard|forget|override|bypass){_SOME}{{0,4}} "
            r"(?:instructions?|prompts?|guidelines?|guardrails?|safeguards?|directives?|safety rules?)\b",
            "Tells the agent to ignore its instructions.",
        ),
        (
            rf"\b(?:do not|don't|dont|never|without|must not|mustn't|should not|shouldn't|avoid){_SOME}{{0,2}} "
            r"(?:tell|telling|mention|mentioning|inform|informing|notify|notifying|reveal|revealing|disclose|disclosing|"
            rf"alert|alerting|warn|warning|let|letting|show|showing){_SOME}{{0,6}} {_USER}\b",
            "Asks to keep something from a person.",
        ),
        (
            rf"\b(?:{_USER}) (?:must|should|need|does|do|may|can)(?:n't| not|not)?{_SOME}{{0,2}} "
            r"(?:know|see|notice|learn|be told|be aware)(?: of| about)? (?:this|that|it|these)\b"
            rf"|\b(?:hide|conceal|keep)(?: this| it| these| that){_SOME}{{0,3}} from{_SOME}{{0,2}} {_USER}\b"
            r"|\b(?:secretly|covertly|quietly|surreptitiously) \w",
            "Asks to keep something from a person.",
        ),
        (
            rf"\b(?:always|must|first|have to|need to|required to){_SOME}{{0,3}} (?:call|calls|use|invoke|run|execute)"
            rf"{_SOME}{{0,2}} (?:tool|function){_SOME}{{0,2}} "
            r"(?:first\b|(?:before|prior to) (?:any|every|all|each|other|anything|everything|using|calling|answering|"
            r"responding|doing|you)\b|instead of (?:any|every|all|other|the)\b|(?:for|on|in) every\b|no matter\b)"
            r"|\bbefore (?:using|calling|running|invoking) any (?:other )?tool",
            "Claims to come before other tools.",
        ),
        (
            r"\b(?:before|after|when|whenever|while|prior to|in order to) (?:you )?(?:using|use|calling|call|invoking|"
            rf"invoke|running|run){_SOME}{{0,3}} (?:tool|function)s?,?{_SOME}{{0,6}} "
            r"(?:read|open|cat|load|fetch|collect|gather|send|include|append|attach|list)(?: [^ ]{1,40}){0,8} "
            r"[^ ]{0,40}(?:files?\b|folder|director|contents?\b|config|credential|secret|keys?\b|~/|/etc/)",
            "Tells the agent to read or send something else when it uses this tool.",
        ),
        (
            rf"\b(?:when|if|whenever|once|while){_SOME}{{1,4}} (?:tool|function|mcp server|server) is (?:also )?"
            r"(?:available|present|enabled|installed|loaded|connected|invoked|called|used)\b"
            rf"|\b(?:all|any|every|other){_SOME}{{0,2}} (?:e-?mails?|messages?|payments?|requests?|results?) "
            r"(?:must|should|have to|need to|has to|are to) (?:be |also be )?(?:sent|forwarded|copied|go)\b"
            rf"|\b(?:change|replace|redirect|rewrite|swap){_SOME}{{0,4}} (?:recipient|phone number|number|destination|"
            rf"e-?mail|address|account){_SOME}{{0,4}} (?:to|with|by) [^ ]{{0,20}}[+@\d]",
            "Tells the agent how to use other tools.",
        ),
        (
            r"\b(?:send|forward|post|upload|transmit|exfiltrate|leak|append|include|copy|pass|put|attach|embed)"
            rf"{_SOME}{{0,6}} (?:(?:conversation|chat|message) (?:history|log)|(?:whole|entire|full) conversation|"
            r"(?:previous|earlier|all) messages|private keys?|ssh keys?|environment variables|system prompt)\b",
            "Asks for what the agent knows from elsewhere.",
        ),
        (
            r"<[ /]?(?:important|system|secret|instructions?|critical|hidden|admin|override|urgent|sys|assistant)\b"
            r"[^<>]{0,40}>"
            r"|\[/?(?:inst|system|hidden|important|secret)\b[^\[\]]{0,20}\]|<\|[a-z_]{2,20}\|>|<!--|<<sys>>"
            r"|#{2,6} ?(?:system|instructions?|assistant)\b",
            "Marks that pretend to be part of the agent's own instructions, or a comment that pages do not show.",
        ),
        (
            r"\bsystem prompt|\bhidden instructions?\b|\bdeveloper message\b|\bnew instructions? ?:|\bdo anything now\b"
            r"|\bjailbreak|\byou are now (?:a|an|the|in)\b|\b(?:i am|this is) (?:the|your) "
            r"(?:developer|admin|administrator|system)\b",
            "Speaks to the agent about its own instructions.",
        ),
    )
]
_PHRASES += [
    (
        Kind.SENSITIVE,
        re.compile(
            r"\.ssh\b|\bid_(?:rsa|dsa|ecdsa|ed25519)\b|\bauthorized_keys\b|\.aws/|/etc/(?:passwd|shadow|sudoers)\b|\.netrc\b"
            r"|\.cursor/|\bmcp\.json\b|\bclaude_desktop_config\b|\.kube/config\b|\.git-credentials\b|\.npmrc\b|\.pypirc\b"
            r"|\.gnupg\b|\.docker/config|\bwallet\.dat\b|\.bash_history\b|/proc/self/environ\b|~/\.env\b|\blogin\.keychain"
        ),
        "Names a place where secrets are kept.",
    )
]


def _phrases(where: str, text: str) -> Iterator[Finding]:
    plain, places = _as_read(text)
    for kind, pattern, meaning in _PHRASES:
        for match in pattern.finditer(plain):
            start, end = places[match.start()], places[match.end() - 1] + 1
            yield _finding(kind, where, text, start, end - start, meaning)


_TOKEN = re.compile(r"\s+|\S+")


def _as_read(text: str) -> tuple[str, list[int]]:
    """The text as a reader takes it, in small letters, and for each of its characters the place in `text`."""
    parts: list[str] = []
    places: list[int] = []
    for match in _TOKEN.finditer(text):
        token, start = match.group(), match.start()
        if token.isspace():
            parts.append(" ")
            places.append(start)
        elif token.isascii():
            parts.append(token.lower())
            places += range(start, match.end())
        else:
            for place, char in enumerate(token, start):
                plain = folded(char)
                parts.append(plain)
                places += [place] * len(plain)
    return "".join(parts), places


_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{64,}={0,2}")
_HEX = re.compile(r"(?<![A-Za-z0-9])(?:[0-9a-fA-F]{2}){80,}(?![A-Za-z0-9])")


def _encoded(where: str, text: str) -> Iterator[Finding]:
    for match in _BASE64.finditer(text):
        blob = match.group()
        kinds = (any(map(str.isupper, blob)), any(map(str.islower, blob)), any(map(str.isdigit, blob)))
        if all(kinds):
            meaning = "A block of encoded text that nobody can read." + _decoded(blob)
            yield _finding(Kind.ENCODED, where, text, match.start(), len(blob), meaning)
    for match in _HEX.finditer(text):
        meaning = "A block of encoded bytes that nobody can read."
        yield _finding(Kind.ENCODED, where, text, match.start(), len(match.group()), meaning)


def _decoded(blob: str) -> str:
    head = blob.rstrip("=")[:160]
    try:
        plain = base64.b64decode(head[: len(head) // 4 * 4]).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return f" Decoded it begins: {_shown(plain)}" if plain.isprintable() else ""


_URL = re.compile(r"(!\[[^\[\]\n]{0,200}\]\()?\b(?:https?|wss?|ftp)://([^\s<>\"'`|\\]{1,2000})", re.IGNORECASE)
_COLLECTS = re.compile(
    r"(?:^|[.@])(?:webhook\.site|requestbin\.\w+|pipedream\.net|ngrok\.io|ngrok-free\.app|ngrok\.app|oast\.\w+|interact\.sh|"
    r"burpcollaborator\.net|beeceptor\.com|requestcatcher\.com|hookbin\.com|trycloudflare\.com|serveo\.net)(?::|$)"
)
_ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]|0x[0-9a-f]+|\d{6,})(?::\d+)?")
_LOCAL = re.compile(r"(?:127\.|0\.0\.0\.0|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|\[::1?\])")
_CARRIES = re.compile(
    r"[?&#][^=&#]{0,40}(?:data|content|secret|history|token|key|context|file|base64|b64|payload|conversation|password|text|"
    r"body|dump|env)[^=&#]{0,40}=[\"']?[{$<\[%]"
)


def _links(where: str, text: str) -> Iterator[Finding]:
    for match in _URL.finditer(text):
        image, rest = match.groups()
        if meaning := _why_doubtful(bool(image), rest.casefold()):
            yield _finding(Kind.LINK, where, text, match.start(), len(match.group()), meaning)


def _why_doubtful(is_image: bool, rest: str) -> str:
    """Why an address (without its scheme) may carry data away; empty for an ordinary link."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rstrip(").,;")
    user, at, host = authority.rpartition("@")
    if is_image:
        return "An image in Markdown: whoever shows it sends its address, with all that stands in it, to that server."
    if at and user:
        return "An address with a user's name in front of the host: it leads elsewhere than it seems to."
    if _COLLECTS.search(host):
        return "An address of a service that collects what is sent to it."
    if host.startswith("xn--") or ".xn--" in host or not host.isascii():
        return "An address with letters beyond ASCII in its host: it may look like another one."
    if _ADDRESS.fullmatch(host) and not _LOCAL.match(host):
        return "An address by number instead of a name."
    return "An address that the agent is to fill with data." if _CARRIES.search(rest) else ""


# -- findings --------------------------------------------------------------------------------


def _finding(kind: Kind, where: str, text: str, start: int, length: int, meaning: str) -> Finding:
    end = start + length
    return Finding(
        kind=kind, where=where, before=visible(text[max(0, start - _AROUND) : start]),
        found=_shown(text[start:end], whole=kind in (Kind.HIDDEN, Kind.LOOKALIKE)),
        after=visible(text[end : end + _AROUND]), start=start, length=length, meaning=meaning,
    )


def _unread(where: str, meaning: str) -> Finding:
    return Finding(Kind.UNREAD, where, "", "", "", 0, 0, meaning)


def _shown(text: str, *, whole: bool = False) -> str:
    """At most MAX_EXCERPT_CHARS of it, spelled out: what is hidden, or with `whole` everything beyond ASCII."""
    cut = text[:MAX_EXCERPT_CHARS]
    plain = "".join(char if " " <= char <= "~" else spelled(char) for char in cut) if whole else visible(cut)
    return plain if len(text) <= MAX_EXCERPT_CHARS else plain + "…"

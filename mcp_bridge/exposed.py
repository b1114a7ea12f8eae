"""Places of what looks like a secret but would be stored and shown in clear: urls and arguments of tool servers.

Headers and environment values of a tool server are sealed; its url, command and arguments stand on pages and in the
evidence for good. These are guesses by name and form: they find the usual cases, not every one.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, urlsplit

MAX_FOUND = 20

_NAME = re.compile(
    r"api[-_]?key|token|secret|passw|authorization|credential|access[-_]?key|private[-_]?key|signature|bearer"
    r"|(?:^|[-_])(?:key|auth|sig|pat|pwd)$",
    re.IGNORECASE,
)
_NOT_ITSELF = re.compile(r"(?:file|path|dir|env|name|url|uri|type|tokens|ttl)$", re.IGNORECASE)  # --token-file
_VALUE = re.compile(
    r"(?:^|[\s=:\"'/])(?:Bearer |Basic |sk-|sk_live_|gh[opsu]_|github_pat_|glpat-|xox[abp]-|AKIA|eyJ[\w-]{10})"
    r"[\w.+/=-]{8}"
)
_HEADER = re.compile(r"([\w-]{1,100})\s{0,10}:\s{0,10}[^\s$/]")
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_]\w{0,100})")


def is_secret_name(name: str) -> bool:
    return bool(_NAME.search(name)) and not _NOT_ITSELF.search(name)


def exposed_in_url(url: str) -> list[str]:
    """What in this address looks like a secret, without its value; nothing in what is no address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    found = ["a user name or password in the url"] if parts.username or parts.password else []
    for name, value in parse_qsl(parts.query):
        if value and (is_secret_name(name) or _VALUE.search(value)):
            found.append(f"the parameter {name[:40]!r} in the url")
    if _VALUE.search(parts.path):
        found.append("what looks like a token in the path of the url")
    return found[:MAX_FOUND]


def exposed_in_args(args: Sequence[str]) -> list[str]:
    """Which arguments look like secrets, without their values."""
    return list(_in_args(args))[:MAX_FOUND]


def _in_args(args: Sequence[str]) -> Iterator[str]:
    for place, arg in enumerate(args):
        option, equals, value = arg.partition("=")
        following = args[place + 1] if place + 1 < len(args) else "-"
        has_value = bool(value) if equals else option.startswith("-") and not following.startswith("-")
        header = _HEADER.match(arg)
        if has_value and is_secret_name(option):
            yield f"the argument {option[:40]!r}"
        elif header and is_secret_name(header.group(1)):
            yield f"the header {header.group(1)[:40]!r} in argument {place + 1}"
        elif _VALUE.search(arg):
            yield f"what looks like a token in argument {place + 1}"


def exposed_variables(*texts: str) -> list[str]:
    """The variables in `${…}` whose names are those of secrets."""
    names = dict.fromkeys(name for text in texts for name in _VARIABLE.findall(str(text)) if is_secret_name(name))
    return [f"the variable {name}" for name in names][:MAX_FOUND]

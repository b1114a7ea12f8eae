"""Which commands may run, with which options. Everything that is not on these lists is refused.

None of them can write, run another program or set something, with these options. Left out on purpose: `sort -o`,
`sort --compress-program`, `uniq IN OUT`, `date -s`, `grep -f`, `grep -r`, `tail -f`, every long option, and find.
What is run is written anew from what was understood (`name -options -- operands`), so that nothing can be read as an
option here and as a file there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from mcp_bridge.sandbox import Refused
from mcp_bridge.sandbox.paths import Parts, join, parse, printable

MAX_ARGUMENTS = 64
MAX_ARGUMENT = 1_024  # characters

COUNT = r"\d{1,9}"
LIST = r"[\d,-]{1,100}"
_KEY = r"\d{1,4}(\.\d{1,4})?[bdfghinrV]{0,8}"


class Takes(Enum):
    """What the arguments are that are not options."""

    NOTHING = auto()
    FILES = auto()  # at least one
    ANYTHING_THERE = auto()  # files and folders, or none
    ONE_FILE = auto()
    PATTERN_AND_FILES = auto()
    TEXT = auto()  # whatever it is, options included
    FORMAT = auto()  # at most one +FORMAT


@dataclass(frozen=True)
class Command:
    takes: Takes
    flags: str = ""
    values: Mapping[str, str] = field(default_factory=dict)  # option letter → expression of its whole value
    number: str = ""  # the letter that a bare -5 stands for
    threads: bool = False  # some builds of it cannot do without


@dataclass(frozen=True)
class Line:
    """A command as it will run. `files` must be regular files, `there` may be folders too."""

    name: str
    arguments: tuple[str, ...]
    files: tuple[Parts, ...] = ()
    there: tuple[Parts, ...] = ()


COMMANDS: Mapping[str, Command] = {
    "cat": Command(Takes.FILES, "bns"),
    "cut": Command(Takes.FILES, "s", {"b": LIST, "c": LIST, "d": r"[^\n]", "f": LIST}),
    "date": Command(Takes.FORMAT, "u"),
    "echo": Command(Takes.TEXT),
    "grep": Command(
        Takes.PATTERN_AND_FILES, "EFHchilnoqsvwx", {"A": COUNT, "B": COUNT, "C": COUNT, "m": COUNT}, number="C"
    ),
    "head": Command(Takes.FILES, "qv", {"c": f"-?{COUNT}", "n": f"-?{COUNT}"}, number="n"),
    "ls": Command(Takes.ANYTHING_THERE, "1AFRSadhilprst"),
    "pwd": Command(Takes.NOTHING),
    "sort": Command(Takes.FILES, "bdfghinruV", {"k": f"{_KEY}(,{_KEY})?", "t": r"[^\n]"}, threads=True),
    "tail": Command(Takes.FILES, "qv", {"c": rf"[-+]?{COUNT}", "n": rf"[-+]?{COUNT}"}, number="n"),
    "uname": Command(Takes.NOTHING, "mrs"),
    "uniq": Command(Takes.ONE_FILE, "cdiu", {"f": COUNT, "s": COUNT, "w": COUNT}),
    "wc": Command(Takes.FILES, "clmw"),
}


def understand(argv: list[str]) -> Line:
    """The line that `argv` stands for. Raises Refused for everything that is not on the lists."""
    if not argv or len(argv) > MAX_ARGUMENTS:
        raise Refused(f"Give 1 to {MAX_ARGUMENTS} strings, the command first.")
    for argument in argv:
        _check_argument(argument)
    name = argv[0]
    command = COMMANDS.get(name)
    if command is None:
        raise Refused(f"{printable(name)[:80]} is not on the list. Commands: {', '.join(COMMANDS)}. There is no shell.")
    if command.takes is Takes.TEXT:
        return Line(name, tuple(argv[1:]))
    options, operands = _split(name, command, argv[1:])
    return _line(name, command, options, operands)


def _check_argument(argument: str) -> None:
    if len(argument) > MAX_ARGUMENT:
        raise Refused(f"An argument is longer than {MAX_ARGUMENT} characters. Write the text to a file instead.")
    if "\0" in argument:
        raise Refused("An argument contains a NUL character. Leave it out.")
    try:
        argument.encode()
    except UnicodeEncodeError:
        raise Refused("An argument is not valid Unicode text (it has half of a surrogate pair).") from None


def _split(name: str, command: Command, arguments: list[str]) -> tuple[list[str], list[str]]:
    """Options, each checked and written in one way, and operands."""
    options: list[str] = []
    operands: list[str] = []
    waiting = list(reversed(arguments))
    while waiting:
        argument = waiting.pop()
        if argument == "--":
            return options, operands + waiting[::-1]
        if command.number and re.fullmatch(rf"-{COUNT}", argument):
            options += [f"-{command.number}", argument[1:]]
        elif argument.startswith("-") and argument != "-":
            options += _letters(name, command, argument, waiting)
        else:
            operands.append(argument)
    return options, operands


def _letters(name: str, command: Command, argument: str, waiting: list[str]) -> list[str]:
    options = []
    for position, letter in enumerate(argument[1:], start=1):
        if letter in command.flags:
            options.append(f"-{letter}")
            continue
        expression = command.values.get(letter)
        if expression is None:
            raise Refused(f"{name}: the option {printable(argument)[:80]} is not on the list. {_allowed(command)}")
        value = argument[position + 1 :] or (waiting.pop() if waiting else "")
        if not re.fullmatch(expression, value):
            raise Refused(f"{name}: {printable(value)[:80] or 'nothing'} is no value for -{letter}.")
        return [*options, f"-{letter}", value]
    return options


def _allowed(command: Command) -> str:
    letters = [f"-{letter}" for letter in sorted([*command.flags, *command.values])]
    return f"Allowed: {' '.join(letters)}." if letters else "It takes none."


def _line(name: str, command: Command, options: list[str], operands: list[str]) -> Line:
    match command.takes:
        case Takes.NOTHING:
            if operands:
                raise Refused(f"{name} takes no arguments.")
            return Line(name, tuple(options))
        case Takes.FORMAT:
            if len(operands) > 1 or not all(re.fullmatch(r"\+[ -~]{1,100}", operand) for operand in operands):
                raise Refused(f"{name} takes at most one format, such as +%F. Nothing can be set.")
            return Line(name, (*options, *operands))
        case Takes.PATTERN_AND_FILES:
            if not operands:
                raise Refused(f"{name} needs a pattern and at least one file.")
            files = _files(name, operands[1:])
            return Line(name, (*options, "--", operands[0], *map(join, files)), files=files)
        case Takes.ANYTHING_THERE:
            there = tuple(parse(operand) for operand in operands)
            return Line(name, (*options, "--", *map(join, there)), there=there)
        case _:
            if command.takes is Takes.ONE_FILE and len(operands) > 1:
                raise Refused(f"{name} reads one file here; it would write to a second one. Use fs_write for that.")
            files = _files(name, operands)
            return Line(name, (*options, "--", *map(join, files)), files=files)


def _files(name: str, operands: list[str]) -> tuple[Parts, ...]:
    if not operands:
        raise Refused(f"{name} needs at least one file; there is no standard input and no pipe.")
    files = tuple(parse(operand) for operand in operands)
    if ("-",) in files:
        raise Refused(f"{name}: '-' stands for the standard input, and there is none. Name a file.")
    if () in files:
        raise Refused(f"{name} reads files, not the sandbox folder itself. Name a file.")
    return files

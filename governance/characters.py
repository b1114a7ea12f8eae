"""Characters that a reader cannot see or cannot tell apart, and how to spell them out.

One table for requests (the console spells every hidden character out), for tools' texts (governance/inspection.py) and
for the difference of two definitions. It holds Unicode's Default_Ignorable_Code_Point, Bidi_Control, Cc and Cs and the
blank letters, without what ordinary writing needs: emoji sequences, joiners inside Arabic and Indic words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Hidden(StrEnum):
    ZERO_WIDTH = "zero_width"
    TAG = "tag"
    DIRECTION = "direction"
    VARIATION = "variation"
    CONTROL = "control"


_PICTOGRAPH = (
    "\u00a9\u00ae\u203c\u2049\u2100-\u21ff\u2300-\u27bf\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_JOINING = "\u0600-\u07ff\u0840-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17b3\u1800-\u180a\u1820-\u18aa"
_VARIATIONS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_FLAGS = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) for region in ("gbeng", "gbsct", "gbwls")
)
# What is ordinary comes first and belongs to no group; each further alternative is a run of one kind.
_HIDDEN = re.compile(
    f"\U0001f3f4(?:{_FLAGS})\U000e007f"
    f"|(?<=[{_PICTOGRAPH}])[\ufe0e\ufe0f](?![{_VARIATIONS}])"
    "|(?<=[#*0-9])\ufe0f(?=\u20e3)"
    f"|(?<=[\u3400-\u9fff\uf900-\ufaff])[\U000e0100-\U000e01ef](?![{_VARIATIONS}])"
    f"|(?<=[{_PICTOGRAPH}\ufe0f])\u200d(?=[{_PICTOGRAPH}])"
    f"|(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
    "|(?P<zero_width>[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\u2800\u3164\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]+)"
    "|(?P<tag>[\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]+)"
    "|(?P<direction>[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+)"
    f"|(?P<variation>[{_VARIATIONS}]+)"
    "|(?P<control>[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufff9-\ufffb\ud800-\udfff]+)"
)

# Letters of other scripts that look like Latin ones in common fonts (Unicode's confusables, shortened). Capitals stand
# here only where their small letter does not look alike.
_LIKE = {
    "a": "аɑα", "b": "ВΒ", "c": "сϲᴄ", "d": "ԁ", "e": "еΕ", "g": "ɡց", "h": "һհНΗ", "i": "іıι", "j": "јϳ", "k": "κКΚ",
    "l": "ӏ", "m": "МΜ", "n": "ոΝ", "o": "оοօᴏ", "p": "рρ", "q": "ԛ", "s": "ѕ", "t": "τТ", "u": "սυ", "v": "ѵνᴠ",
    "w": "ԝᴡ", "x": "хχ", "y": "уΥ", "z": "ᴢΖ",
}
LOOKALIKES = {other: latin for latin, others in _LIKE.items() for other in others}


def looks_latin(char: str) -> str:
    """The small Latin letter that a letter of another script looks like; empty when it does not."""
    return LOOKALIKES.get(char) or LOOKALIKES.get(char.casefold(), "")


@dataclass(frozen=True)
class Run:
    """Hidden characters of one kind, one after another."""

    kind: Hidden
    start: int
    text: str


def hidden_runs(text: str) -> Iterator[Run]:
    """The runs that `visible` would spell out, in order; linear in the text."""
    for match in _HIDDEN.finditer(text):
        if match.lastgroup:
            yield Run(Hidden(match.lastgroup), match.start(), match.group())


def hidden_characters(text: str) -> int:
    """How many characters `visible` would spell out."""
    return sum(len(run.text) for run in hidden_runs(text))


def visible(text: str) -> str:
    """The text with every control, invisible or direction-changing character spelled out, so that it reads as it is."""
    return _HIDDEN.sub(lambda match: spelled(match.group()) if match.lastgroup else match.group(), text)


def spelled(text: str) -> str:
    """Each character by its number, with four or eight hexadecimal digits, as Python and JSON write it."""
    return "".join(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}" for char in text)


def name_of(char: str) -> str:
    """`U+0430 CYRILLIC SMALL LETTER A`"""
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()


def carried_text(run: Run) -> str:
    """What a run of tag characters or variation selectors spells in ASCII, one character each; empty when nothing."""
    codes = [_carried_code(ord(char)) for char in run.text]
    return "".join(chr(code) for code in codes if 0x20 <= code < 0x7F)


def _carried_code(code: int) -> int:
    if 0xE0020 <= code < 0xE007F:
        return code - 0xE0000
    if 0xFE00 <= code <= 0xFE0F:  # variation selectors 1 to 16 carry the bytes 0 to 15, the further ones 16 to 255
        return code - 0xFE00
    return code - 0xE0100 + 16 if 0xE0100 <= code <= 0xE01EF else 0


@lru_cache(maxsize=4096)
def folded(char: str) -> str:
    """A character as a reader takes it: small, without accents and styles, lookalikes as Latin; empty when hidden."""
    if char == "\u2019":
        return "'"
    if _HIDDEN.fullmatch(char):
        return ""
    plain = (part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return "".join(looks_latin(part) or part.casefold() for part in plain)

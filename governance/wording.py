"""Values as a person reads them, in the language of whoever looks."""

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

MAX_WORD_CHARS = 200


def day_in_words(day: date) -> str:
    """`14 January 2027`"""
    return date_format(day, pgettext("format of a day in a sentence", "j F Y"))


def value_in_words(value: object) -> str:
    """One short line for what a tool server answered: `yes`, `none`, `540.0`; texts as they are, cut."""
    if value is None:
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = " ".join(str(value).split()) or _("empty")
    return text if len(text) <= MAX_WORD_CHARS else f"{text[: MAX_WORD_CHARS - 1]}…"


def in_sentence(label: object) -> str:
    """A label in the middle of a sentence: English writes it small, German keeps its nouns."""
    text = str(label)
    return text.lower() if get_language() in (None, "en") else text

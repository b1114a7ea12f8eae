"""Collects the console's texts into reviews/locale/*/LC_MESSAGES/django.po and compiles them (make messages).

With Babel instead of GNU gettext, so that no system package is needed. Translations that exist stay; a text that is
gone leaves the file. tests/test_translations.py fails when the files are not what this would write.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

DATE = datetime(2026, 1, 1, tzinfo=UTC)  # the same bytes at every run
ROOT = Path(__file__).parent.parent
LOCALE = ROOT / "reviews" / "locale"
SOURCES = [("governance", "*.py"), ("reviews", "*.py"), ("mcp_bridge/downstream", "*.py"), ("templates", "*.html")]
PLAIN = dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "N_"))
PLURAL = dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2))
IN_CONTEXT = dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2))
BOTH = dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3))
KEYWORDS = {**PLAIN, **PLURAL, **IN_CONTEXT, **BOTH}


def collect() -> Catalog:
    """Every text to translate, with the files it stands in."""
    found = Catalog(charset="utf-8")
    for path in sorted(path for folder, pattern in SOURCES for path in (ROOT / folder).rglob(pattern)):
        name = path.relative_to(ROOT).as_posix()
        for context, text in _texts(path):
            flags = ["python-format"] if "%(" in (text if isinstance(text, str) else text[0]) else []
            found.add(text, locations=[(name, None)], context=context, flags=flags)
    return found


def _texts(path: Path) -> Iterator[tuple[str | None, str | tuple[str, ...]]]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        # Python's tokens in place of the tags, one call a line; what else was there is X'd out, with its indents.
        source = "\n".join(line.lstrip() for line in templatize(source, origin=str(path)).splitlines())
    for _line, function, texts, _comments in extract_python(io.BytesIO(source.encode()), KEYWORDS, [], {}):
        given = [texts] if isinstance(texts, str) else list(texts or ())
        context = given.pop(0) if "pgettext" in function else None
        wanted = given[: 2 if "n" in function.removesuffix("gettext_lazy").removesuffix("gettext") else 1]
        if all(isinstance(text, str) and text for text in wanted) and wanted:
            yield context, wanted[0] if len(wanted) == 1 else tuple(wanted)


def merged(language: str, found: Catalog) -> Catalog:
    """What the language's file should be: every text found, with the translation that it has."""
    kept = read_po(io.BytesIO((LOCALE / language / "LC_MESSAGES" / "django.po").read_bytes()), locale=language)
    fresh = Catalog(locale=language, project="ATLAS governance gateway", charset="utf-8", fuzzy=False)
    for message in found:
        if not message.id:
            continue
        before = kept.get(message.id if isinstance(message.id, str) else message.id[0], message.context)
        string = before.string if before is not None and before.id == message.id else None
        fresh.add(
            message.id, string, locations=message.locations, context=message.context,
            flags=[flag for flag in message.flags if flag != "fuzzy"],
        )
    return fresh


def po_text(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_po(file, catalog, omit_header=False, sort_output=True, width=120, include_lineno=False)
    lines = file.getvalue().decode().splitlines(keepends=True)
    # A date of making would change the file at every run.
    return "".join(line for line in lines if "-Date:" not in line and "Generated-By:" not in line).encode()


def mo_bytes(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    catalog.creation_date = catalog.revision_date = DATE
    write_mo(file, catalog)
    return file.getvalue()


def main() -> None:
    sys.path.insert(0, str(ROOT))
    settings.configure(USE_I18N=False)
    django.setup()
    found = collect()
    for folder in sorted(LOCALE.iterdir()):
        file = folder / "LC_MESSAGES" / "django.po"
        catalog = merged(folder.name, found)
        file.write_bytes(po_text(catalog))
        # What is compiled is what was written.
        written = read_po(io.BytesIO(file.read_bytes()), locale=folder.name)
        file.with_suffix(".mo").write_bytes(mo_bytes(written))
        missing = sum(1 for message in catalog if message.id and not _is_translated(message.string))
        print(f"{folder.name}: {len(catalog)} texts, {missing} to translate")  # noqa: T201


def _is_translated(string: object) -> bool:
    return all(string) if isinstance(string, tuple) else bool(string)


if __name__ == "__main__":
    main()

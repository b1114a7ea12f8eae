"""The pages of docs/ as the console shows them: rendered from Markdown, grouped by reader, searched in memory.

Rendered once per process and again when a file changes. Which pages and pictures exist is what the folder lists, so no
address can name anything else.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = settings.BASE_DIR / "docs"
PICTURES = FOLDER / "screenshots"
MOST_HITS = 30
AROUND = 90  # characters of the text on each side of a hit
GROUPS = [
    (_("Reviewers"), ("console", "scoring", "how-a-call-flows")),
    (_("Agent developers"), ("connect-an-agent", "api", "webhook", "outcome-webhooks", "sandbox")),
    (
        _("Operators"),
        (
            "operations", "policy", "tool-servers", "observability", "workflow-driver", "translations", "performance",
            "peers",
        ),
    ),
    (_("Auditors"), ("architecture",)),
]
MORE = _("More")


@dataclass(frozen=True)
class Section:
    """A heading and the plain text below it, up to the next one."""

    anchor: str
    title: str
    level: int
    text: str


@dataclass(frozen=True)
class Document:
    slug: str
    title: str
    html: SafeString
    sections: tuple[Section, ...]

    @property
    def contents(self) -> list[Section]:
        return [section for section in self.sections if section.level in (2, 3)]


@dataclass(frozen=True)
class Group:
    name: str
    documents: list[Document]


@dataclass(frozen=True)
class Hit:
    """A section in which every word was found, and the text around the first of them."""

    document: Document
    section: Section
    before: str
    found: str
    after: str
    weight: int = field(compare=False, default=0)


def document(slug: str) -> Document | None:
    path = _paths().get(slug)
    return _read(slug, path.stat().st_mtime_ns) if path else None


def groups() -> list[Group]:
    """Every page once; what no group names stands last."""
    left = _paths()
    found = [(str(name), [slug for slug in slugs if left.pop(slug, None)]) for name, slugs in GROUPS]
    found.append((str(MORE), sorted(left)))
    return [Group(name, [page for slug in slugs if (page := document(slug))]) for name, slugs in found if slugs]


def picture(name: str) -> Path | None:
    return {path.name: path for path in PICTURES.glob("*.png")}.get(name)


def search(query: str) -> list[Hit]:
    """The best sections that hold every word, at most MOST_HITS."""
    words = query.casefold().split()[:8]
    hits = [hit for group in groups() for page in group.documents for hit in _hits(page, words)] if words else []
    return sorted(hits, key=lambda hit: -hit.weight)[:MOST_HITS]


def _hits(page: Document, words: list[str]) -> Iterator[Hit]:
    for section in page.sections:
        title, text = section.title.casefold(), section.text.casefold()
        if not all(word in title or word in text for word in words):
            continue
        weight = sum(20 * (word in title) + min(5, text.count(word)) for word in words)
        at = min((text.find(word) for word in words if word in text), default=0)
        end = at + max((len(word) for word in words if text.startswith(word, at)), default=0)
        yield Hit(
            page, section, ("… " if at > AROUND else "") + section.text[max(0, at - AROUND) : at], section.text[at:end],
            section.text[end : end + AROUND], weight + 30 * (section.level == 1 and words[0] in title),
        )


def _paths() -> dict[str, Path]:
    return {path.stem: path for path in FOLDER.glob("*.md")}


@lru_cache(maxsize=100)
def _read(slug: str, modified: int) -> Document:
    """`modified` keys the cache: a changed file is rendered anew."""
    tokens = _markdown.parse((FOLDER / f"{slug}.md").read_text(encoding="utf-8"))
    title, body = _split_title(tokens, slug)
    sections = tuple(_sections(title, body))
    for token in body:
        _adapt(token)
    html = _markdown.renderer.render(body, _markdown.options, {"slug": slug})
    return Document(slug, title, mark_safe(html), sections)  # noqa: S308  our own pages; HTML in them is escaped


def _split_title(tokens: list[Token], slug: str) -> tuple[str, list[Token]]:
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return _plain(tokens[1]), tokens[3:]
    return slug, tokens


def _plain(token: Token) -> str:
    if token.type in ("fence", "code_block"):
        return token.content
    words = {"text": "{0}", "code_inline": "{0}", "softbreak": " ", "hardbreak": " "}
    return "".join(words.get(child.type, "").format(child.content) for child in token.children or [])


def _sections(title: str, tokens: list[Token]) -> Iterator[Section]:
    """Gives each heading its id on the way, as GitHub makes them, so that links with # fit both."""
    anchor, level, texts, seen = "", 1, [], {}
    name = title
    for token, following in zip(tokens, [*tokens, None][1:], strict=True):
        if token.type == "heading_open":
            yield Section(anchor, name, level, " ".join(texts))
            name, level, texts = _plain(following), int(token.tag[1]), []
            anchor = re.sub(r"[^\w\- ]", "", name.lower()).strip().replace(" ", "-")
            seen[anchor] = seen.get(anchor, -1) + 1
            anchor += f"-{seen[anchor]}" if seen[anchor] else ""
            token.attrSet("id", anchor)
        elif token.type in ("inline", "fence", "code_block") and _plain(token) != name:
            texts.append(" ".join(_plain(token).split()))
    yield Section(anchor, name, level, " ".join(texts))


def _adapt(token: Token) -> None:
    """Alignment by class (a style attribute is refused), links and pictures as the console serves them."""
    style = token.attrs.pop("style", "")
    if "right" in str(style):
        token.attrJoin("class", "num")
    if token.type == "link_open":
        _adapt_link(token)
    if token.type == "image":
        _adapt_image(token)
    for child in token.children or []:
        _adapt(child)


def _adapt_link(token: Token) -> None:
    target, mark, anchor = str(token.attrGet("href") or "").partition("#")
    if target.endswith(".md") and target[:-3] in _paths():
        token.attrSet("href", reverse("doc", args=[target[:-3]]) + mark + anchor)
    elif target.startswith(("http://", "https://")):
        token.attrSet("rel", "noreferrer")
    elif target:  # a file of the repository, which is not served
        token.tag, token.attrs = "span", {}


def _adapt_image(token: Token) -> None:
    path = picture(str(token.attrGet("src") or "").removeprefix("screenshots/"))
    if path is None:
        return
    width, height = struct.unpack(">II", path.read_bytes()[16:24])  # of the PNG, so that nothing jumps
    token.attrs.update(
        src=reverse("doc_picture", args=[path.name]), width=width, height=height, loading="lazy", decoding="async"
    )


def _code(self: object, tokens: list[Token], index: int, options: object, env: dict[str, str]) -> str:
    token = tokens[index]
    return render_to_string("reviews/_partials/code.html", {
        "code": token.content.rstrip("\n"), "language": token.info, "id": f"code-{env['slug']}-{index}",
    })


def _markdown_it() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    made.add_render_rule("fence", _code)
    made.add_render_rule("code_block", _code)
    return made


_markdown = _markdown_it()

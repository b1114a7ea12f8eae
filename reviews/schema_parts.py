"""What a JSON schema says of one value, as far as a form can draw it: its one type, its choices, null or not.

References within the schema are followed, and `anyOf` with null is a value that may be null, as most generators write
it. Anything else that the schema combines has no type here and is edited as JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_REFERENCES = 8  # one after another
COMBINED = ("oneOf", "anyOf", "allOf", "not", "if", "$ref", "$dynamicRef", "dependentSchemas")
SCALARS = ("string", "number", "integer", "boolean")


@dataclass(frozen=True)
class Part:
    """`type` is empty when there is not exactly one. `item` is the type of a list's scalars, None for other lists."""

    schema: Mapping[str, Any]
    type: str = ""
    nullable: bool = False
    choices: tuple[Any, ...] | None = None
    item: str | None = None
    title: str = ""
    description: str = ""


ANY = Part({})


def part_of(schema: Any, root: Mapping[str, Any]) -> Part:
    """The part of a schema, whatever is written there."""
    if not isinstance(schema, Mapping):
        return ANY
    title, description = _text(schema, "title"), _text(schema, "description")
    schema, nullable = _followed(schema, root)
    title, description = title or _text(schema, "title"), description or _text(schema, "description")
    if schema is not root and any(word in schema for word in COMBINED):
        return Part(schema, "json", nullable, title=title, description=description)
    kind, null_in_type = _one_type(schema)
    choices = schema.get("enum")
    return Part(
        schema, kind, nullable or null_in_type, tuple(choices) if isinstance(choices, list) and choices else None,
        _item(schema, root) if kind == "array" else None, title, description,
    )


def _followed(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema behind references, single `allOf` and `anyOf` with null; and whether null was among them."""
    nullable = False
    for _ in range(MAX_REFERENCES):
        rest = {word: value for word, value in schema.items() if word not in ("anyOf", "oneOf", "allOf", "$ref")}
        inner, with_null = _inner(schema, root)
        if inner is None:
            break
        nullable = nullable or with_null
        schema = {**inner, **rest}
    return schema, nullable


def _inner(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
    words = [word for word in ("$ref", "anyOf", "oneOf", "allOf") if word in schema]
    if len(words) != 1 or "properties" in schema:
        return None, False
    value = schema[words[0]]
    if words[0] == "$ref":
        return _referred(value, root), False
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        return None, False
    if words[0] == "allOf":
        return (value[0], False) if len(value) == 1 else (None, False)
    others = [each for each in value if each.get("type") != "null"]
    return (others[0], len(value) == 2) if len(others) == 1 and len(value) <= 2 else (None, False)


def _referred(reference: Any, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found: Any = root
    for name in reference[2:].split("/"):
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _one_type(schema: Mapping[str, Any]) -> tuple[str, bool]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind, False
    if isinstance(kind, list):
        kinds = [each for each in kind if each != "null"]
        return (str(kinds[0]) if len(kinds) == 1 else "json"), "null" in kind
    return ("object" if "properties" in schema else ""), False


def _item(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str | None:
    items = part_of(schema.get("items"), root)
    if "prefixItems" in schema or items.nullable or items.choices is not None or "const" in items.schema:
        return None
    return items.type if items.type in ("string", "number", "integer") else None


def _text(schema: Mapping[str, Any], word: str) -> str:
    text = schema.get(word)
    return text[:500] if isinstance(text, str) else ""

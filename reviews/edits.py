"""A reviewer's edit on its way from the form to the decision: checked, and signed so that what was shown runs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from jsonschema.exceptions import SchemaError, ValidationError
from referencing.exceptions import Unresolvable

from governance.canonical import bound_arguments, canonical
from governance.changes import Changed, changes
from governance.definitions import step
from governance.errors import GovernanceError
from governance.models import GovernanceRequest, Tool, User
from governance.schema_bounds import TooComplex
from governance.schemas import validate_arguments, validator_of
from reviews.schema_forms import SchemaForm, schema_form

MAX_ERRORS = 30
SHOWN_FOR = 3600  # seconds that a difference may be confirmed after it was shown
_SALT = "reviews.edits"


@dataclass(frozen=True)
class Edit:
    """Arguments that a person looked at and wants to run."""

    arguments: dict[str, Any]
    changed: list[Changed]


def form_of(request: GovernanceRequest, shown: Mapping[str, Any] | None = None) -> SchemaForm:
    original = request.arguments
    return schema_form(request.tool.input_schema, original, original if shown is None else shown)


def read_edit(request: GovernanceRequest, form: SchemaForm, data: Mapping[str, str]) -> Edit | None:
    """What was typed, when it may be sent; None with the errors placed in the form."""
    arguments = form.read(data)
    if form.is_wrong:
        return None
    for path, message in _problems(request.tool, arguments):
        form.place(path, message)
    if form.is_wrong:
        return None
    changed = changes(request.arguments, arguments)
    if not changed:
        form.error = _("Nothing is changed. Edit a value, or approve the call as it is.")
        return None
    return Edit(arguments, changed)


def _problems(tool: Tool, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where and what does not fit: the bounds of every call, then the tool's schema."""
    try:
        bound_arguments(arguments)
        found = list(islice(validator_of(tool).iter_errors(dict(arguments)), MAX_ERRORS))
        if not found:
            validate_arguments(tool, arguments)  # the last word is the gateway's own
    except (SchemaError, Unresolvable, TooComplex):
        yield "", _("The tool's schema cannot be used to check an edit, so this call cannot be edited.")
        return
    except GovernanceError as refusal:
        yield "", str(refusal)
        return
    for error in found:
        yield from _placed(error)


def _placed(error: ValidationError) -> Iterator[tuple[str, str]]:
    path = "".join(f"/{step(part)}" for part in error.absolute_path)
    if error.validator == "required" and isinstance(error.instance, Mapping):
        for name in error.validator_value:
            if name not in error.instance:
                yield f"{path}/{step(name)}", _("This is needed.")
        return
    yield path, _in_words(error)


def _in_words(error: ValidationError) -> str:
    """The commonest in the reader's language; the rest as the library says it."""
    value = error.validator_value
    match error.validator:
        case "minimum":
            return _("It must be at least %(limit)s.") % {"limit": value}
        case "maximum":
            return _("It must be at most %(limit)s.") % {"limit": value}
        case "exclusiveMinimum":
            return _("It must be more than %(limit)s.") % {"limit": value}
        case "exclusiveMaximum":
            return _("It must be less than %(limit)s.") % {"limit": value}
        case "multipleOf":
            return _("It must be a multiple of %(value)s.") % {"value": value}
        case "minLength":
            return ngettext(
                "It needs at least %(limit)d character.", "It needs at least %(limit)d characters.", value
            ) % {"limit": value}  # fmt: skip
        case "maxLength":
            return ngettext(
                "It may have at most %(limit)d character.", "It may have at most %(limit)d characters.", value
            ) % {"limit": value}  # fmt: skip
        case "pattern":
            return _("It must fit the pattern %(pattern)s.") % {"pattern": str(value)[:200]}
        case "type":
            return _("It must be of the type %(type)s.") % {
                "type": ", ".join(value) if isinstance(value, list) else value
            }  # fmt: skip
        case "enum" | "const":
            return _("The tool does not take this value.")
        case "additionalProperties":
            return _("The tool does not take an argument that stands here.")
    return error.message if len(error.message) <= 300 else _("It does not fit the tool's schema.")


# -- the signed field -------------------------------------------------------------------------


def signed(request: GovernanceRequest, user: User, arguments: Mapping[str, Any]) -> str:
    """Bound to this call as it stands, this person and now."""
    return signing.dumps([*_bound_to(request, user), canonical(dict(arguments))], salt=_SALT, compress=True)


def unsigned(request: GovernanceRequest, user: User, text: str, *, however_old: bool = False) -> dict[str, Any] | None:
    """The arguments that were shown; None for a field that is not ours, too old, or of another state of the call."""
    try:
        *bound, arguments = signing.loads(text, salt=_SALT, max_age=None if however_old else SHOWN_FOR)
    except (signing.BadSignature, ValueError):
        return None
    return json.loads(arguments) if bound == _bound_to(request, user) else None


def _bound_to(request: GovernanceRequest, user: User) -> list[Any]:
    return [request.reference, request.arguments_digest, request.tool.digest, request.round, user.pk]

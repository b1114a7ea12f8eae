"""Tool arguments against the tool's JSON schema, with messages an agent can act on."""

import json
from collections.abc import Mapping
from typing import Any

from jsonschema.exceptions import SchemaError, ValidationError
from referencing.exceptions import Unresolvable

from governance.errors import InvalidArguments
from governance.models.tools import Tool
from governance.schema_bounds import Bounded, TooComplex, compiled


def validator_of(tool: Tool) -> Bounded:
    """The compiled schema of the tool's arguments. Raises SchemaError and TooComplex."""
    found = compiled(json.dumps(tool.input_schema))
    if isinstance(found, Exception):
        raise found
    return found


def validate_arguments(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Raises InvalidArguments with the first problem, where it is and what was expected."""
    try:
        error = next(validator_of(tool).iter_errors(dict(arguments)), None)
    except TooComplex as broken:
        raise TooComplex(f"{tool.exposed_name}: {broken}") from broken
    except (SchemaError, Unresolvable) as broken:
        raise InvalidArguments(f"The schema of {tool.exposed_name} cannot be used, so the call is refused.") from broken
    if error is not None:
        raise InvalidArguments(f"{tool.exposed_name}: {_explain(error)}")


def _explain(error: ValidationError) -> str:
    where = error.json_path.removeprefix("$").lstrip(".")
    message = error.message if len(error.message) <= 300 else f"does not fit the schema ({error.validator})"
    return f"{where}: {message}" if where else message

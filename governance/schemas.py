"""Tool arguments against the tool's JSON schema, with messages an agent can act on."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from governance.errors import InvalidArguments
from governance.models.tools import Tool


@lru_cache(maxsize=1024)
def _validator(schema_text: str) -> Validator:
    schema = json.loads(schema_text)
    cls = validator_for(schema, default=jsonschema.Draft202012Validator)
    cls.check_schema(schema)
    # An empty registry: a $ref never makes the gateway fetch anything.
    return cls(schema, registry=Registry())


def validator_of(tool: Tool) -> Validator:
    """The compiled schema of the tool's arguments. Raises SchemaError."""
    return _validator(json.dumps(tool.input_schema))


def validate_arguments(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Raises InvalidArguments with the first problem, where it is and what was expected."""
    try:
        error = next(_validator(json.dumps(tool.input_schema)).iter_errors(dict(arguments)), None)
    except (SchemaError, Unresolvable) as broken:
        raise InvalidArguments(f"The schema of {tool.exposed_name} cannot be used, so the call is refused.") from broken
    if error is not None:
        raise InvalidArguments(f"{tool.exposed_name}: {_explain(error)}")


def _explain(error: ValidationError) -> str:
    where = error.json_path.removeprefix("$").lstrip(".")
    message = error.message if len(error.message) <= 300 else f"does not fit the schema ({error.validator})"
    return f"{where}: {message}" if where else message

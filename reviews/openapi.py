"""What the OpenAPI document says beside the serializers."""

from typing import Any

from governance.definitions import LARGEST_EXACT_INTEGER

VALUE = {"$ref": "#/components/schemas/JsonValue"}
JSON_VALUE = {
    "description": "Any JSON value whose numbers every reader has exactly; larger ones are sent as text.",
    "nullable": True,
    "anyOf": [
        {"type": "string"}, {"type": "boolean"},
        {"type": "number", "minimum": -LARGEST_EXACT_INTEGER, "maximum": LARGEST_EXACT_INTEGER},
        {"type": "array", "items": VALUE}, {"type": "object", "additionalProperties": VALUE},
    ],
}  # fmt: skip


def add_json_value(result: dict[str, Any], **kwargs: object) -> dict[str, Any]:
    """A component that contains itself, which no serializer can say."""
    result["components"]["schemas"]["JsonValue"] = JSON_VALUE
    return result

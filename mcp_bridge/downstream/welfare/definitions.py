"""The welfare tools as agents see them."""

from governance.toolservers import ToolDefinition
from mcp_bridge.downstream.welfare.fields import FIELDS

MAX_DAYS = 90
DEFAULT_DAYS = 30
MAX_REASON_CHARS = 1000

_BENEFICIARY_ID = {
    "type": "string", "minLength": 1, "maxLength": 20,
    "description": "The beneficiary's id: BEN- and its digits, for example BEN-123.",
}
_REASON = {
    "type": "string", "minLength": 1, "maxLength": MAX_REASON_CHARS,
    "description": "Why, in a sentence or two; kept in the beneficiary's file.",
}
_EXTENSION_SCHEMA = {
    "type": "object",
    "properties": {
        "beneficiary_id": _BENEFICIARY_ID,
        "reason": _REASON,
        "days": {
            "type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": DEFAULT_DAYS,
            "description": f"By how many days payments go on: 1 to {MAX_DAYS}, {DEFAULT_DAYS} when left out.",
        },
    },
    "required": ["beneficiary_id", "reason"],
    "additionalProperties": False,
}
_WRITES_MORE = {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False, "openWorldHint": False}

CHECK_PAYMENT_STATUS = ToolDefinition(
    name="check_payment_status",
    title="Check payment status",
    description=(
        "Looks up a beneficiary's welfare payments: programme, status, monthly amount, next payment date, until when "
        "payments run, extensions so far and the latest payments. Changes nothing."
    ),
    input_schema={
        "type": "object",
        "properties": {"beneficiary_id": _BENEFICIARY_ID},
        "required": ["beneficiary_id"],
        "additionalProperties": False,
    },
    annotations={"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False},
)
REQUEST_EXTENSION = ToolDefinition(
    name="request_extension",
    title="Request an extension",
    description=(
        "Extends the period in which an active beneficiary receives welfare payments. Each call extends it again, "
        "by `days`. The same as request_payment_extension."
    ),
    input_schema=_EXTENSION_SCHEMA,
    annotations=_WRITES_MORE,
)
REQUEST_PAYMENT_EXTENSION = ToolDefinition(
    name="request_payment_extension",
    title="Request a payment extension",
    description=(
        "Extends the period in which an active beneficiary receives welfare payments. Each call extends it again, "
        "by `days`. The same as request_extension."
    ),
    input_schema=_EXTENSION_SCHEMA,
    annotations=_WRITES_MORE,
)
MODIFY_WELFARE_RECORD = ToolDefinition(
    name="modify_welfare_record",
    title="Modify a welfare record",
    description=(
        "Sets one field of a beneficiary's record to a new value; the value before and after is kept and returned."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "beneficiary_id": _BENEFICIARY_ID,
            "field": {
                "type": "string", "enum": sorted(FIELDS),
                "description": "; ".join(f"{name}: {field.expects}" for name, field in sorted(FIELDS.items())),
            },
            "new_value": {
                "type": ["string", "number"], "maxLength": 200,
                "description": "The new value; amounts best as text, for example 412.50.",
            },
            "reason": _REASON,
        },
        "required": ["beneficiary_id", "field", "new_value"],
        "additionalProperties": False,
    },
    annotations={"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": False},
)
TOOLS = [CHECK_PAYMENT_STATUS, REQUEST_EXTENSION, REQUEST_PAYMENT_EXTENSION, MODIFY_WELFARE_RECORD]

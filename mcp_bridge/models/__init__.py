"""Tables of the bridge: the register behind the built-in welfare tools."""

from mcp_bridge.models.welfare import Beneficiary, Extension, Payment, RecordChange

__all__ = ["Beneficiary", "Extension", "Payment", "RecordChange"]

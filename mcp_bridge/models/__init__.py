"""Tables of the bridge: the register behind the built-in welfare tools, and the memory of the first run."""

from mcp_bridge.models.first_run import FirstRun
from mcp_bridge.models.welfare import Beneficiary, Extension, Payment, RecordChange

__all__ = ["Beneficiary", "Extension", "FirstRun", "Payment", "RecordChange"]

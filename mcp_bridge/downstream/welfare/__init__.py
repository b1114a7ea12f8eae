"""The built-in welfare tools: a small office with real tables, so that a fresh installation has something to govern."""

from mcp_bridge.downstream.welfare.server import WelfareServer

__all__ = ["WelfareServer"]

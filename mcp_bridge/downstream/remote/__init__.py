"""Connections to MCP servers: Streamable HTTP of both protocol eras, legacy SSE, stdio. No Django models in here.

`Endpoint` says where a server is, `Pool` gives its `Connection`. All of them live on one event loop: a server names its
own by `use_loop`, else a background thread runs one; threads go through `run_sync`, other loops through `at_home`.
"""

from mcp_bridge.downstream.remote.breaker import Health
from mcp_bridge.downstream.remote.connection import Connection
from mcp_bridge.downstream.remote.endpoint import Endpoint
from mcp_bridge.downstream.remote.loop import at_home, home, run_sync, use_loop
from mcp_bridge.downstream.remote.pool import Pool

__all__ = ["Connection", "Endpoint", "Health", "Pool", "at_home", "home", "run_sync", "use_loop"]

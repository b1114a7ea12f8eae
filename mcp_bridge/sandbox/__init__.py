"""What the demo's tool server does, without MCP: a folder's files, and a few commands that read them.

No Django in here, and nothing of the gateway: the server has to start fast and know nothing that an agent could get at.
"""


class Refused(Exception):
    """The call was not done. The message says why and what to do; the agent reads it."""

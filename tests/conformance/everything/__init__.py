"""The server that the conformance suite is run against: every tool, resource and prompt its scenarios call by name.

    python -m tests.conformance.everything FD       # serves http://127.0.0.1:<port of the inherited socket>/mcp

The names, texts and schemas are those which the suite's scenarios ask for. It speaks both protocol eras, asks for no
token and knows no tasks: those are what the gateway in front of it adds.
"""

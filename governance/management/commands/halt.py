"""Stops an agent, a tool, a tool server or a team, at once and in every process."""

from governance import actions
from governance.management.halts import HaltCommand


class Command(HaltCommand):
    help = "Halts an agent, a tool, a tool server or a team: new calls are refused, waiting ones parked."
    verb = staticmethod(actions.halt)
    done, before = "is halted", "was halted before"
